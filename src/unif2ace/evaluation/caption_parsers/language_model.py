"""A caption parser that asks a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from unif2ace.attributes import TAXONOMY
from unif2ace.errors import ConfigError
from unif2ace.language.phrasebook import Statement
from unif2ace.language_models import ChatRequest, LanguageModel, Recording

SYSTEM: Final = (
    "You read descriptions of a face and return what they state as JSON. Use only what the text says: leave out every "
    "attribute that it does not mention. Give false for what the text says is absent. Left and right are as the viewer "
    "sees them."
)


class UnreadCaptionError(ValueError):
    """The model returned no usable statements for a caption."""


class LanguageModelParser:
    """Asks a language model which attributes a caption states. The reply is JSON that must match `SCHEMA`.

    Args:
        model: The model.
        cache: File that records the replies and answers repeated captions; None for no file.
        max_tokens: Maximum length of a reply in tokens.

    Attributes:
        concurrency: Maximum number of captions parsed at the same time.

    Raises:
        ConfigError: If `model` is None.
    """

    def __init__(
        self, model: LanguageModel | None = None, cache: str | Path | None = None, max_tokens: int = 1024
    ) -> None:
        if model is None:
            raise ConfigError(
                "caption_parser=language_model needs a model: set language_model=endpoint language_model.base_url=... "
                "language_model.model=..."
            )
        self._model: LanguageModel = Recording(file=cache, model=model) if cache is not None else model
        self._max_tokens, self.concurrency = max_tokens, model.concurrency

    def parse(self, text: str) -> tuple[Statement, ...]:
        """The statements of a text, in the order of the reply.

        Raises:
            UnreadCaptionError: If the reply is a refusal, an error, or does not match the schema.
            DataError: If the model fails repeatedly.
        """
        user = f"[Description]\n{text}"
        reply = self._model.reply(ChatRequest(text[:80], SYSTEM, user, schema=SCHEMA, max_tokens=self._max_tokens))
        if not reply.ok or reply.parsed is None:
            raise UnreadCaptionError(reply.error or reply.refusal or "the reply is not JSON that matches the schema")
        return tuple((name, value) for name, value in reply.parsed.items() if value is not None)

    def describe(self) -> dict[str, Any]:
        """The model's name, and the instructions."""
        return {"name": "language_model", "model": self._model.name, "system": SYSTEM}


def _schema() -> dict[str, Any]:
    properties = {
        name: {"enum": [*field.choices, None]} if field.choices else {"enum": [True, False, None]}
        for name, field in TAXONOMY.fields.items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


SCHEMA: Final = _schema()
"""JSON schema of the replies: the fields of the taxonomy and their values."""
