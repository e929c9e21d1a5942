"""Scores of a unified model on a split it never saw: faces from captions, answers, captions of faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.errors import ConfigError
from unif2ace.evaluation.eval_set import EvalSet, Which, gather, open_split, others
from unif2ace.language.reading import ParsedCaption, holds, read_text
from unif2ace.language.replies import Reply, options, read_answer
from unif2ace.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.data.shards import ShardReader
    from unif2ace.evaluation.evaluator import Evaluator
    from unif2ace.metrics.scores import Agreement, AnswerScore, CaptionScore, Diversity

Made = TypeVar("Made")


class Scored(Protocol):
    """What can be scored; pictures are uint8 (B, 3, H, W)."""

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """A face from each description; the same prompt and seed give the same face."""

    def caption(self, images: Tensor) -> list[str]:
        """A description of each picture."""

    def ask(self, images: Tensor, questions: Sequence[str]) -> list[str]:
        """An answer to a question about each picture."""

    def reconstruct(self, images: Tensor) -> Tensor:
        """What comes back of each picture through the tokenizer."""


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """How much is measured.

    Attributes:
        samples: Faces of the split, at most; one face is generated from a caption of each, and each is captioned.
        questions: Questions about them, at most; each is asked twice, the second time about another face.
        caption: Which caption is the prompt: ``long``, ``short`` or ``any``.
        diverse: Prompts that further faces are generated from.
        seeds: Faces of each of these.
        at_least: Captions that must state an attribute, and deny it, for it to count.
        resamples: Of the intervals.
        batch_size: Rows given to the model at once.
        seed: Of the choice of samples and of the generated faces.

    Raises:
        ConfigError: If ``diverse``, ``seeds`` or ``batch_size`` is below 1.
    """

    samples: int = 256
    questions: int = 1000
    caption: Which = "long"
    diverse: int = 16
    seeds: int = 4
    at_least: int = 5
    resamples: int = 1000
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("diverse", "seeds", "batch_size"):
            if (value := getattr(self, name)) < 1:
                raise ConfigError(f"scores.{name}={value}: give 1 or more")


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """A question that was put to the model.

    Attributes:
        sample: Number of the face.
        question: With its true answer.
        said: What the model said.
        right: Whether that is right.
    """

    sample: int
    question: Any
    said: str
    right: bool


@dataclass(slots=True)
class UnifiedScores:
    """What was measured, and what was made for it.

    Attributes:
        material: What the model was tested with.
        options: How much was measured.
        evaluator: Fingerprint of the evaluator.
        generated: uint8 (S, 3, H, W), a face from each caption.
        diverse: uint8 (P, K, 3, H, W), faces of the first prompts.
        stated: int8 (S, A), what the prompts say of the labels.
        seen: bool (S, A), what the evaluator sees in the generated faces.
        agreement: Of faces with captions.
        pixels: Diversity of the faces of a prompt, by pixels.
        features: The same by the evaluator's features.
        answered: The questions, with the model's answers.
        answers: Score of each kind of questions, and of all; empty if the split has none.
        captions: What the model said of the true faces.
        readings: These captions, read.
        false: For each caption its false statements.
        captioning: Score of the captions.
        values: All numbers by name; nan for what cannot be measured.
        described: Beside which value what belongs, by part.
    """

    eval_set: EvalSet
    options: ScoreOptions
    evaluator: str
    generated: Tensor
    diverse: Tensor
    stated: Tensor
    seen: Tensor
    agreement: Agreement
    pixels: Diversity
    features: Diversity
    answered: tuple[ScoredAnswer, ...] = ()
    answers: dict[str, AnswerScore] = field(default_factory=dict)
    captions: tuple[str, ...] = ()
    readings: tuple[ParsedCaption, ...] = ()
    false: tuple[tuple[tuple[str, Any], ...], ...] = ()
    captioning: CaptionScore | None = None
    values: dict[str, float] = field(default_factory=dict)
    described: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """The main scores for a page: what, its value with the interval, and what it was measured with."""
        main = [("faces show what their captions say", self.agreement.normalised, "agreement")]
        if "all" in self.answers:
            main.append(("answers are right", self.answers["all"].normalised, "answers"))
        if self.captioning:
            main.append(("captions name what is there", self.captioning.normalised, "captions"))
        return [(what, str(score), self.described[part][part]) for what, score, part in main]


def score(
    model: Scored, evaluator: Evaluator, data: str | Path | Sequence[ShardReader], how: ScoreOptions | None = None
) -> UnifiedScores:
    """Measures a model.

    Args:
        model: What to measure; the same model and options give the same values.
        evaluator: Tells what generated faces show.
        data: A data set's folder, whose ``val`` is read, or readers of a split.
        how: How much is measured.

    Raises:
        ConfigError: If the options cannot be.
        DataError: If the split cannot be read or has no captions.
    """
    from unif2ace.evaluation.values import describe, name_values

    how = how or ScoreOptions()
    readers = open_split(data) if isinstance(data, str | Path) else list(data)
    eval_set = gather(readers, how.samples, how.questions, how.caption, how.seed)
    found = _generate(model, evaluator, eval_set, how)
    _ask(model, found)
    _caption(model, found)
    found.values = name_values(found)
    found.described = describe(found)
    return found


def _generate(model: Scored, evaluator: Evaluator, eval_set: EvalSet, how: ScoreOptions) -> UnifiedScores:
    """Generates faces and lets the evaluator look at them."""
    import torch

    from unif2ace.metrics.scores import attribute_agreement, diversity

    count = len(eval_set)
    diverse, seeds = min(how.diverse, count), how.seeds
    first = how.seed * seeds * count  # no two faces have the same seed
    again = [(number, first + number + k * count) for number in range(diverse) for k in range(1, seeds)]
    todo = [*((number, first + number) for number in range(count)), *again]

    def generate(rows: slice) -> Tensor:
        return model.generate([eval_set.captions[n] for n, _ in todo[rows]], [seed for _, seed in todo[rows]])

    made = torch.cat(_batched("faces from captions", len(todo), how.batch_size, generate))
    back = torch.cat(
        _batched("reconstructions", count, how.batch_size, lambda r: model.reconstruct(eval_set.images[r]))
    )
    seen, features = evaluator.sees(made)
    several = torch.cat([torch.arange(diverse)[:, None], torch.arange(count, len(todo)).view(diverse, -1)], 1)
    stated = _labels([read_text(caption) for caption in eval_set.captions])
    agreement = attribute_agreement(
        stated,
        seen[:count],
        evaluator.sees(eval_set.images)[0],
        evaluator.sees(back)[0],
        at_least=how.at_least,
        resamples=how.resamples,
        seed=how.seed,
    )
    return UnifiedScores(
        eval_set,
        how,
        evaluator.fingerprint[:SHOWN],
        generated=made[:count],
        diverse=made[several],
        stated=stated,
        seen=seen[:count],
        agreement=agreement,
        pixels=diversity(made[several].flatten(2).float() / 255),
        features=diversity(features[several]),
    )


def _ask(model: Scored, found: UnifiedScores) -> None:
    """Asks the questions, each about its own face and about another one."""
    from unif2ace.metrics.scores import answer_scores
    from unif2ace.metrics.scores.answers import Asked

    eval_set, how = found.eval_set, found.options
    asked, texts = eval_set.questions, [q.question for _, q in eval_set.questions]
    other = others(len(eval_set), how.seed)

    def ask(faces: Sequence[int]) -> Callable[[slice], list[str]]:
        return lambda rows: model.ask(eval_set.images[list(faces[rows])], texts[rows])

    own, elsewhere = (
        [text for texts in _batched(what, len(asked), how.batch_size, ask(faces)) for text in texts]
        for what, faces in (
            ("questions", [number for number, _ in asked]),
            ("questions about other faces", [other[number] for number, _ in asked]),
        )
    )
    rows: list[Asked] = []
    answered: list[ScoredAnswer] = []
    for (number, question), said, unseen in zip(asked, own, elsewhere, strict=True):
        truth: Reply = read_answer(question, question.answer)
        if truth.value is None:
            continue  # nobody could say what is right
        right = read_answer(question, said).agrees(truth)
        blind = read_answer(question, unseen).agrees(truth)
        chance = 1 / len(offered) if (offered := options(question)) else 0.0
        rows.append(Asked(number, question.kind, str(question.attribute), truth.value, right, blind, chance))
        answered.append(ScoredAnswer(number, question, said, right))
    found.answered = tuple(answered)
    found.answers = answer_scores(rows, resamples=how.resamples, seed=how.seed)


def _caption(model: Scored, found: UnifiedScores) -> None:
    """Asks for captions of the true faces, and evaluators what they state."""
    from unif2ace.metrics.scores import caption_scores

    eval_set, how = found.eval_set, found.options
    made = _batched("captions", len(eval_set), how.batch_size, lambda rows: model.caption(eval_set.images[rows]))
    found.captions = tuple(text for texts in made for text in texts)
    found.readings = tuple(map(read_text, found.captions))
    found.false = tuple(
        tuple(said for said in reading.statements if holds(said, record) is False)
        for reading, record in zip(found.readings, eval_set.records, strict=True)
    )
    found.captioning = caption_scores(
        _labels(found.readings) == 1, found.stated == 1, eval_set.true, resamples=how.resamples, seed=how.seed
    )


def _labels(readings: Sequence[ParsedCaption]) -> Tensor:
    """The labels that texts state or deny, int8 (S, A); of one that contradicts itself, what it says first."""
    import numpy as np
    import torch

    from unif2ace.data.tasks.base import attribute_labels

    return torch.from_numpy(np.stack([attribute_labels(reading.values) for reading in readings]))


def _batched(what: str, count: int, size: int, work: Callable[[slice], Made]) -> list[Made]:
    """The work on each batch of rows, with its progress shown."""
    made: list[Made] = []
    with progress(what) as advance:
        for start in range(0, count, size):
            made.append(work(slice(start, min(start + size, count))))
            advance(min(start + size, count), count, what)
    return made
