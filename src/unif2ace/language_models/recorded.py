"""Replays recorded replies in place of a model."""

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
    """Replays the replies of a file that `Recording` wrote, without an endpoint.

    Requests are matched by content (`ChatRequest.digest`), not by key. Answers are checked against the schema again.

    Attributes:
        file: JSON lines, see `unif2ace.language_models.records`.
        model: Name of the model that was recorded; None if the file holds only one.
        prices: Prices of tokens; replayed replies make no requests and cost nothing.
        concurrency: Number of requests in flight; replayed replies are there at once.
    """

    file: str | Path
    model: str | None = None
    prices: Prices = field(default_factory=Prices)
    concurrency: int = 1

    def __post_init__(self) -> None:
        require("jsonschema", "language_model=recorded")

    @property
    def name(self) -> str:
        """Name of the model that made the replies.

        Raises:
            DataError: If the file holds no reply, or replies of several models and `model` names none.
        """
        if self.model is not None:
            return self.model
        models = sorted({model for model, _ in self._rows})
        if len(models) != 1:
            raise DataError(
                f"{self.file} holds replies of {len(models)} models ({', '.join(models) or 'it is empty'}): name one "
                "in language_model.model"
            )
        return models[0]

    def reply(self, request: ChatRequest) -> ChatReply:
        """The recorded reply.

        Raises:
            DataError: If the file cannot be read, or does not hold the reply.
        """
        row = self._rows.get((self.name, request.digest))
        if row is None:
            raise DataError(
                f"{self.file} holds no reply of {self.name} to the request {request.key!r} (digest "
                f"{request.digest[:12]}): the prompt, picture or settings changed since it was recorded; record it "
                "with language_model=recording"
            )
        return replayed(request, row)

    def close(self) -> None:
        """Does nothing."""

    @cached_property
    def _rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["model"], row["digest"]): row for row in rows_of(self.file)}
