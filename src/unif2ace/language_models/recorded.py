"""Replays recorded replies instead of querying a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from unif2ace.errors import DataError
from unif2ace.language_models.answers import require
from unif2ace.language_models.chat import ChatReply, ChatRequest
from unif2ace.language_models.prices import Prices
from unif2ace.language_models.records import replayed, rows_of


@dataclass(kw_only=True, eq=False)
class Recorded:
    """Replays the replies in a file that `Recording` wrote. No endpoint is needed.

    Requests are matched by content (`ChatRequest.digest`), not by key. Answers are checked against the schema again.

    Attributes:
        file: JSON-lines file, see `unif2ace.language_models.records`.
        model: Name of the recorded model; None if the file holds the replies of one model only.
        prices: Prices of tokens, for estimates only: replayed replies make no requests and cost nothing.
        concurrency: Maximum number of concurrent requests; 1 is enough, because replies are returned immediately.
    """

    file: str | Path
    model: str | None = None
    prices: Prices = field(default_factory=Prices)
    concurrency: int = 1

    def __post_init__(self) -> None:
        require("jsonschema", "language_model=recorded")

    @property
    def name(self) -> str:
        """Name of the model that wrote the replies.

        Raises:
            DataError: If `model` is None and the file holds no replies, or replies of several models.
        """
        if self.model is not None:
            return self.model
        models = sorted({model for model, _ in self._rows})
        if len(models) != 1:
            raise DataError(
                f"{self.file} holds replies of {len(models)} models ({', '.join(models) or 'the file is empty'}): set "
                "language_model.model to the name of the model to replay"
            )
        return models[0]

    def reply(self, request: ChatRequest) -> ChatReply:
        """Returns the recorded reply to a request.

        Raises:
            DataError: If the file cannot be read, or holds no reply to the request.
        """
        row = self._rows.get((self.name, request.digest))
        if row is None:
            raise DataError(
                f"{self.file} holds no reply of {self.name} to the request {request.key!r} (digest "
                f"{request.digest[:12]}): the prompt, the image or the settings changed after the recording; record "
                "the reply with language_model=recording"
            )
        return replayed(request, row)

    def close(self) -> None:
        """Does nothing."""

    @cached_property
    def _rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["model"], row["digest"]): row for row in rows_of(self.file)}
