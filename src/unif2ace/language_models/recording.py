"""Records the replies of a model in a file, and answers repeated requests from the file."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from unif2ace.language_models.chat import ChatReply, ChatRequest, LanguageModel
from unif2ace.language_models.prices import Prices
from unif2ace.language_models.records import append_row, replayed, rows_of


@dataclass(kw_only=True, eq=False)
class Recording:
    """Records the answers and refusals of a model in a file, so that equal requests are sent only once.

    Errors are not recorded.

    Attributes:
        file: JSON-lines file, created if missing, see `unif2ace.language_models.records`.
        model: The model for requests without a recorded reply.
    """

    file: str | Path
    model: LanguageModel

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file, "model": self.model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def concurrency(self) -> int:
        """Maximum number of concurrent requests."""
        return self.model.concurrency

    @property
    def prices(self) -> Prices:
        """Prices of the model's tokens."""
        return self.model.prices

    def reply(self, request: ChatRequest) -> ChatReply:
        """Returns the recorded reply, or else queries the model and records its reply; see `LanguageModel.reply`.

        Raises:
            ConfigError: If the model would reject every request, for example because of a wrong key.
            DataError: If the file is malformed, or too many consecutive requests fail.
        """
        digest = request.digest
        with self._lock:
            row = self._rows.get(digest)
        if row is not None:
            return replayed(request, row)
        reply = self.model.reply(request)
        if reply.error is None:
            with self._lock:
                self._rows[digest] = append_row(self.file, digest, self.name, reply)
        return reply

    def close(self) -> None:
        """Cancels the running requests of the model."""
        self.model.close()

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        rows = rows_of(self.file, missing_ok=True)
        return {row["digest"]: row for row in rows if row["model"] == self.name}
