"""What rewrites a caption that a classifier contradicts: the grammar, or a language model."""

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
        by: Who wrote it, and why not another.
        usage: What it used of an endpoint.
    """

    text: str
    by: str
    usage: StepUsage = field(default_factory=StepUsage)


class CaptionEditor(Protocol):
    """Rewrites captions."""

    @property
    def concurrency(self) -> int:
        """Number of captions that it rewrites at once."""

    def edit(self, key: str, text: str, changes: Mapping[str, Value], seed: int) -> Edited:
        """Makes a caption state other values.

        Args:
            key: Name of the caption.
            text: The caption.
            changes: New values by field, or by label where the caption denies one; null for "say nothing of it".
            seed: Chooses the phrasings.
        """

    def describe(self) -> dict[str, Any]:
        """What determines the text, as plain JSON."""


class GrammarEditor:
    """Replaces the sentences concerned, see `unif2ace.language.rewriting.rewrite`.

    Args:
        parser: Reads captions.
    """

    concurrency = 1

    def __init__(self, parser: CaptionParser) -> None:
        self._parser = parser

    def edit(self, key: str, text: str, changes: Mapping[str, Value], seed: int) -> Edited:
        """The caption with other sentences for what changed."""
        del key
        return Edited(rewrite(text, changes, self._parser.parse, seed).text, "grammar")

    def describe(self) -> dict[str, Any]:
        """The name."""
        return {"by": "grammar"}


class ModelEditor:
    """Asks a model; where its text still contradicts the changes, or it gives none, the grammar writes.

    Args:
        model: The model; it sees no picture.
        parser: Reads captions.
        prompt: A prompt file with the slots ``attributes``, ``caption`` and ``changes``; None for the package's own.
        max_tokens: Maximum length of a caption, in tokens.
        temperature: Sampling temperature; None leaves it to the endpoint.
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
        """The model's text, checked by the parser.

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
        """The model, the prompt's hash and the sampling."""
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
