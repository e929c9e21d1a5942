"""A language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import CancelledError
from dataclasses import dataclass, fields
from typing import Any

from unif2ace.errors import DataError
from unif2ace.language_models.answers import require
from unif2ace.language_models.chat import ChatReply, ChatRequest
from unif2ace.language_models.connection import Connection
from unif2ace.language_models.conversation import Failed
from unif2ace.language_models.settings import EndpointSettings

_LOCK = threading.Lock()


@dataclass(kw_only=True, eq=False)
class Endpoint(EndpointSettings):
    """Chat completions of an OpenAI-compatible server; see `EndpointSettings`.

    The API key is read from an environment variable at the first request. The key is never stored in an attribute of
    this class, a reply or an error message.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._connection: Connection | None = None
        self._failures = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None}

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self.model

    def reply(self, request: ChatRequest) -> ChatReply:
        """Returns the reply to a request, see `LanguageModel.reply`.

        Raises:
            ConfigError: If the API key is missing or rejected, or the address or model is unknown.
            DataError: If `max_failures` consecutive requests fail, the endpoint asks to wait longer than `max_wait`, or
                `close` is called.
        """
        try:
            found = self._open().submit(request).result()
        except CancelledError:
            raise DataError(
                f"{self.base_url}: the connection was closed before the answer arrived; run the same command again"
            ) from None
        with _LOCK:
            self._failures = self._failures + 1 if isinstance(found, Failed) else 0
            failures = self._failures
        if isinstance(found, ChatReply):
            return found
        if failures >= self.max_failures:
            raise DataError(
                f"{self.base_url}: {failures} requests in a row failed; the last error was: {found.reply.error}; check "
                "that the endpoint works, then run the same command again"
            )
        return found.reply

    def close(self) -> None:
        """Cancels the running requests. The next request opens a new connection."""
        with _LOCK:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> Connection:
        with _LOCK:
            if self._connection is None:
                require("openai", "language_model=endpoint")
                require("jsonschema", "language_model=endpoint")
                settings = {f.name: getattr(self, f.name) for f in fields(EndpointSettings)}
                self._connection = Connection(EndpointSettings(**settings))  # self can be collected while it is open
                weakref.finalize(self, self._connection.close)
            return self._connection
