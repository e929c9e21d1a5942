"""Options and results of scoring a unified model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError
from unif2ace.evaluation.eval_set import EvalSet, Which
from unif2ace.language.reading import ParsedCaption

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.metrics.scores import Agreement, AnswerScore, CaptionScore, Diversity, ParaphraseScore


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Size of an evaluation.

    Attributes:
        samples: Maximum number of faces of the split; one face is generated from a caption of each, and each is
            captioned.
        num_questions: Maximum number of questions; each is asked about its own face and about another one.
        num_paraphrases: Wordings of each yes/no question, asked about four faces along with the plain wording; 0: none.
        caption: Which caption is the prompt: ``long``, ``short`` or ``any``.
        diverse: Number of prompts for which several faces are generated.
        seeds: Faces generated for each of these prompts.
        at_least: An attribute counts if at least this many captions state it and as many deny it.
        resamples: Bootstrap resamples of the confidence intervals.
        batch_size: Samples given to the model at once.
        seed: Seed of the chosen samples and of the generated faces.

    Raises:
        ConfigError: If ``diverse``, ``seeds`` or ``batch_size`` is below 1, or ``num_paraphrases`` below 0.
    """

    samples: int = 256
    num_questions: int = 1000
    num_paraphrases: int = 20
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
        if self.num_paraphrases < 0:
            raise ConfigError(f"scores.num_paraphrases={self.num_paraphrases}: give 0 or more")


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """A question with the model's answer.

    Attributes:
        sample: Index of the face.
        question: The question, with its true answer.
        said: The model's answer.
        right: Whether the answer is right.
    """

    sample: int
    question: Any
    said: str
    right: bool


@dataclass(slots=True)
class UnifiedScores:
    """Scores of a unified model, and the outputs they were computed from.

    Attributes:
        eval_set: The evaluation set.
        options: Size of the evaluation.
        evaluator: Fingerprint of the evaluator.
        generated: uint8 (S, 3, H, W), a face from each caption.
        diverse: uint8 (P, K, 3, H, W), K faces of each of the first P prompts.
        reconstructed: uint8 (S, 3, H, W), the tokenizer's reconstructions of the true faces.
        stated: int8 (S, A), labels of the prompts: 1 stated, 0 denied, -1 not mentioned.
        seen: bool (S, A), labels that the evaluator predicts for the generated faces.
        agreement: Attribute agreement of faces with captions.
        pixels: Diversity of the faces of a prompt, by pixels.
        features: Diversity of the faces of a prompt, by the evaluator's features.
        answered: The questions, with the model's answers.
        answers: Score of each kind of question, and of all; empty if the split has none.
        paraphrases: Score of yes/no questions in other words; None if none were asked.
        captions: The model's captions of the true faces.
        readings: These captions, parsed.
        false: For each caption its false statements.
        captioning: Score of the captions.
        values: All values by name; nan for those that cannot be measured.
        described: A description of each value, by part.
    """

    eval_set: EvalSet
    options: ScoreOptions
    evaluator: str
    generated: Tensor
    diverse: Tensor
    reconstructed: Tensor
    stated: Tensor
    seen: Tensor
    agreement: Agreement
    pixels: Diversity
    features: Diversity
    answered: tuple[ScoredAnswer, ...] = ()
    answers: dict[str, AnswerScore] = field(default_factory=dict)
    paraphrases: ParaphraseScore | None = None
    captions: tuple[str, ...] = ()
    readings: tuple[ParsedCaption, ...] = ()
    false: tuple[tuple[tuple[str, Any], ...], ...] = ()
    captioning: CaptionScore | None = None
    values: dict[str, float] = field(default_factory=dict)
    described: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """The main scores for a page: name, value with confidence interval, and description."""
        main = [("faces show what their captions say", self.agreement.normalised, "agreement")]
        if "all" in self.answers:
            main.append(("answers are right", self.answers["all"].normalised, "answers"))
        if self.paraphrases:
            main.append(("answers are right in any wording", self.paraphrases.normalised, "paraphrases"))
        if self.captioning:
            main.append(("captions name what is there", self.captioning.normalised, "captions"))
        return [(what, str(score), self.described[part][part]) for what, score, part in main]
