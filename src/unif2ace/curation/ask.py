"""The step `ask`: a language model or the grammar writes questions and answers about each face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unif2ace.attributes import AttributeRecord
from unif2ace.curation.asking import ModelClient, expected_usage, not_answered, seed_of, usage_of, without_questions
from unif2ace.curation.checked_questions import balance_yes_no, check_questions
from unif2ace.curation.prompt import Prompt
from unif2ace.curation.step import Step, StepResult, StepUsage, with_metadata
from unif2ace.data.shards import Sample
from unif2ace.errors import DataError
from unif2ace.language import ask_questions
from unif2ace.language.caption_parser import CaptionParser
from unif2ace.language.question import KINDS, Question
from unif2ace.language.rewriting import consistent
from unif2ace.language_models import ChatRequest, LanguageModel

_TOKENS_PER_QUESTION = 45
_ROW = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "minLength": 1},
        "answer": {"type": "string", "minLength": 1},
        "kind": {"type": "string", "enum": sorted(KINDS)},
        "attribute": {"type": ["string", "null"]},
    },
    "required": ["question", "answer", "kind", "attribute"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"questions": {"type": "array", "items": _ROW, "minItems": 1}},
    "required": ["questions"],
    "additionalProperties": False,
}


def known_record(sample: Sample, parser: CaptionParser) -> AttributeRecord:
    """The known attributes of a face: its labels, completed by what its caption states.

    Args:
        sample: The sample.
        parser: Reads the caption.
    """
    known = {name: value for name, value in sample.metadata.record.to_json().items() if value is not None}
    stated = dict(reversed(parser.parse(sample.metadata.caption or "")))
    more = {name: value for name, value in stated.items() if name not in known}
    try:
        return AttributeRecord(consistent({**known, **more}))
    except DataError:  # the caption contradicts the labels
        return AttributeRecord(known)


class Ask(Step[Sample]):
    """Replaces the questions of each sample by new ones.

    If a model refuses the request or gives a malformed answer, the sample is kept without questions.

    Args:
        parser: Reads captions.
        rates: Result of `unif2ace.language.measure_rates` on the data set; balances the answers.
        count: Number of questions per sample.
        model: Language model that writes the questions; None for the grammar.
        prompt: A prompt file with the slots ``attributes``, ``caption`` and ``count``; None for the default prompt.
        temperature: Sampling temperature of the model; None for the endpoint's default.
        max_tokens: Maximum length of a model's answer in tokens; None for 60 tokens per question.
        seed: Seed for the choice of questions and phrasings.
    """

    name = "ask"

    def __init__(
        self,
        parser: CaptionParser,
        rates: Mapping[str, float],
        count: int = 8,
        model: LanguageModel | None = None,
        prompt: str | None = None,
        *,
        temperature: float | None = 0.0,
        max_tokens: int | None = None,
        seed: int = 0,
    ) -> None:
        self._parser, self._rates, self._count, self._seed = parser, dict(rates), count, seed
        self._client = ModelClient(model) if model else None
        self._prompt = Prompt.load(prompt, self.name, ("caption", "count")) if model else None
        self._temperature, self._max_tokens = temperature, max_tokens or 60 * count
        self.concurrency = model.concurrency if model else 1

    def describe(self) -> dict[str, Any]:
        """The author of the questions (model and prompt hash, or grammar), the parser, the rates and the seed."""
        made: dict[str, Any] = {"by": "grammar"}
        if self._client and self._prompt:
            made = {"by": self._client.model.name, "prompt": self._prompt.hash, "temperature": self._temperature}
            made["max_tokens"] = self._max_tokens
        rates = {name: round(rate, 6) for name, rate in self._rates.items()}
        return {**made, "parser": self._parser.describe(), "rates": rates, "count": self._count, "seed": self._seed}

    def run(self, item: Sample) -> StepResult:
        """The sample with its new questions. With a model, a sample without a caption is left out.

        Raises:
            DataError: If the endpoint gives no answer.
        """
        record, seed = known_record(item, self._parser), seed_of(self._seed, item.key)
        if self._client is None:
            questions = ask_questions(record, seed, self._count, self._rates)
            return StepResult((self._asked(item, questions, {"by": "grammar"}),))
        if not item.metadata.caption:
            return StepResult.refused("no_caption", "the sample has no caption; run `unif2ace-data caption` first")
        reply, prices = self._client.ask(self._request(item)), self._client.model.prices
        if result := not_answered(reply, prices, without_questions(item)):
            return result
        checked = check_questions(reply.parsed["questions"], record)
        questions = balance_yes_no(checked.questions, record, self._rates, seed)
        own = sum(question in questions for question in checked.questions)
        notes = {
            "answers": reply.answers,
            "written": len(reply.parsed["questions"]),
            "refused": dict(checked.refused),
            "balanced_away": len(checked.questions) - own,
            "by_grammar": len(questions) - own,
        }
        made = {"by": self._client.model.name, "prompt": self._prompt.hash if self._prompt else None}
        return StepResult((self._asked(item, questions, made),), usage=usage_of(reply, prices), notes=notes)

    def estimate(self, samples: int, first: Sequence[Sample]) -> tuple[StepUsage, tuple[str, ...]]:
        """Assumes one request per sample and 45 answer tokens per question."""
        if self._client is None:
            return StepUsage(), ()
        requests = [self._request(item) for item in first]
        expected = _TOKENS_PER_QUESTION * self._count
        return expected_usage(requests, samples, expected, self._client.model.prices), ()

    def _request(self, item: Sample) -> ChatRequest:
        assert self._prompt is not None
        system, user = self._prompt.fill(caption=item.metadata.caption or "", count=str(self._count))
        sampling: dict[str, Any] = {"max_tokens": self._max_tokens, "temperature": self._temperature}
        return ChatRequest(item.key, system, user, (), SCHEMA, **sampling)

    def _asked(self, item: Sample, questions: Sequence[Question], made: dict[str, Any]) -> Sample:
        return with_metadata(item, self.name, qa=tuple(questions), provenance={self.name: made})
