"""Editors that rewrite a caption after a classifier contradicted it: the grammar, or a language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from unif2ace.attributes import TAXONOMY
from unif2ace.curation.asking import ModelClient, usage_of
from unif2ace.curation.caption_by_model import SCHEMA
from unif2ace.curation.prompt import Prompt
from unif2ace.curation.step import StepUsage
from unif2ace.language.caption_parser import CaptionParser
from unif2ace.language.facts import Value
from unif2ace.language.rewriting import rewrite
from unif2ace.language_models import ChatRequest, LanguageModel


@dataclass(frozen=True, slots=True)
class Edited:
    """A rewritten caption.

    Attributes:
        text: The caption.
        by: ``grammar`` or the model's name. If the grammar replaced a model's text, the reason follows.
        usage: Requests, tokens and cost of the rewriting.
    """

    text: str
    by: str
    usage: StepUsage = field(default_factory=StepUsage)


class CaptionEditor(Protocol):
    """Rewrites captions."""

    @property
    def concurrency(self) -> int:
        """Number of captions that the editor rewrites at once."""

    def edit(self, key: str, text: str, changes: Mapping[str, Value], seed: int) -> Edited:
        """Rewrites a caption so that it states the given values.

        Args:
            key: Name of the caption.
            text: The caption.
            changes: New value by field, or by label where the caption denies a label. None removes the statement.
            seed: Seed for the choice of phrasings.
        """

    def describe(self) -> dict[str, Any]:
        """All settings that determine the rewritten text, as plain JSON."""


class GrammarEditor:
    """Replaces the sentences that state changed values, see `unif2ace.language.rewriting.rewrite`.

    Args:
        parser: Reads captions.
    """

    concurrency = 1

    def __init__(self, parser: CaptionParser) -> None:
        self._parser = parser

    def edit(self, key: str, text: str, changes: Mapping[str, Value], seed: int) -> Edited:
        """The caption with new sentences for the changed values."""
        del key
        return Edited(rewrite(text, changes, self._parser.parse, seed).text, "grammar")

    def describe(self) -> dict[str, Any]:
        """The editor's name."""
        return {"by": "grammar"}


class ModelEditor:
    """Asks a language model to rewrite the caption.

    The grammar rewrites it instead if the model gives no text, or if the text still contradicts the changes.

    Args:
        model: The language model. It receives the caption without the picture.
        parser: Reads captions.
        prompt: A prompt file with the slots ``attributes``, ``caption`` and ``changes``; None for the default prompt.
        max_tokens: Maximum length of a caption in tokens.
        temperature: Sampling temperature; None for the endpoint's default.
    """

    def __init__(
        self,
        model: LanguageModel,
        parser: CaptionParser,
        prompt: str | None = None,
        max_tokens: int = 400,
        temperature: float | None = 0.0,
    ) -> None:
        self._client, self._parser, self._grammar = ModelClient(model), parser, GrammarEditor(parser)
        self._prompt = Prompt.load(prompt, "correct", ("caption", "changes"))
        self._max_tokens, self._temperature = max_tokens, temperature
        self.concurrency, self.prices = model.concurrency, model.prices

    def edit(self, key: str, text: str, changes: Mapping[str, Value], seed: int) -> Edited:
        """The model's text if the parser finds no contradiction in it, else the grammar's text.

        Raises:
            DataError: If the endpoint gives no answer.
        """
        reply, model = self._client.ask(self.request(key, text, changes)), self._client.model
        usage = usage_of(reply, model.prices)
        if reply.ok:
            written = " ".join(reply.parsed["caption"].split())
            left = _still_wrong(self._parser.parse(written), changes)
            if not left:
                return Edited(written, model.name, usage)
            why = f"the text of {model.name} still states {', '.join(left)}"
        else:
            why = f"{model.name} {'refused' if reply.refusal is not None else 'gave no usable text'}"
        return Edited(self._grammar.edit(key, text, changes, seed).text, f"grammar, since {why}", usage)

    def request(self, key: str, text: str, changes: Mapping[str, Value]) -> ChatRequest:
        """The request for one caption."""
        told = "\n".join(_in_words(name, value) for name, value in changes.items())
        system, user = self._prompt.fill(caption=text, changes=told)
        return ChatRequest(key, system, user, (), SCHEMA, max_tokens=self._max_tokens, temperature=self._temperature)

    def describe(self) -> dict[str, Any]:
        """The model, the prompt's hash and the sampling settings."""
        made = {"by": self._client.model.name, "prompt": self._prompt.hash}
        return {**made, "max_tokens": self._max_tokens, "temperature": self._temperature}


def _still_wrong(statements: tuple[tuple[str, Value], ...], changes: Mapping[str, Value]) -> list[str]:
    fields = {(n if n in TAXONOMY.fields else TAXONOMY.labels[n].field): v for n, v in changes.items()}
    return [f"{name}={value}" for name, value in statements if name in fields and value != fields[name]]


def _in_words(name: str, value: Value) -> str:
    words = name.replace("_", " ")
    if value is None:
        return f"- leave out what the description says about: {words}"
    if isinstance(value, bool):
        return f"- {words}: {'it is there' if value else 'it is not there'}"
    field = name if name in TAXONOMY.fields else TAXONOMY.labels[name].field
    return f"- {field.replace('_', ' ')}: {value}"
