"""Robustness to wording: paraphrases of yes/no questions about faces, half of which have each answer.

The score is ``2 accuracy - 1``: 0 for a constant answer, 1 if all answers are right. An answer about another attribute
counts as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap


class Reworded(NamedTuple):
    """One paraphrase of a question, and properties of a model's answer.

    Attributes:
        sample: Index of the question's face.
        attribute: Attribute that the question is about.
        trained: Whether this wording occurs in training questions.
        topic: Whether the answer is about this attribute.
        same: Whether the answer is about this attribute and agrees with the answer to the plain wording.
        right: Whether the answer is about this attribute and correct.
        plain_right: Whether the answer to the plain wording is correct.
    """

    sample: int
    attribute: str
    trained: bool
    topic: bool
    same: bool
    right: bool
    plain_right: bool


@dataclass(frozen=True, slots=True)
class ParaphraseScore:
    """Robustness of answers to the wording of questions.

    Attributes:
        normalised: 0 for a constant answer, 1 for all correct; negative if most answers are about other attributes.
        untrained: The same score for wordings that do not occur in training questions.
        plain: The same score for the plain wordings, about the same faces.
        topic: Fraction of answers that are about the attribute of the question.
        same: Fraction of answers that are about this attribute and agree with the answer to the plain wording.
        questions: Number of paraphrases.
        attributes: For each attribute: number of paraphrases, and the fractions ``topic``, ``same`` and ``right``.
    """

    normalised: Score
    untrained: Score
    plain: Score
    topic: Score
    same: Score
    questions: int
    attributes: Mapping[str, tuple[int, float, float, float]]


def paraphrase_scores(asked: Sequence[Reworded], *, resamples: int = 1000, seed: int = 0) -> ParaphraseScore | None:
    """Scores of paraphrases; None if there are none.

    Args:
        asked: The paraphrases; for each attribute, half of the faces have it.
        resamples: Number of bootstrap resamples over faces.
        seed: Seed of the resamples.
    """
    if not asked:
        return None
    count = max(one.sample for one in asked) + 1

    def score(values: Sequence[tuple[int, float]]) -> Score:
        sums_S2 = torch.zeros(count, 2, dtype=torch.float64)
        for sample, value in values:
            sums_S2[sample] += torch.tensor([1.0, value], dtype=torch.float64)
        return bootstrap(sums_S2, _mean, resamples, seed)

    by_attribute: dict[str, list[Reworded]] = {}
    for one in asked:
        by_attribute.setdefault(one.attribute, []).append(one)
    return ParaphraseScore(
        normalised=score([(one.sample, 2.0 * one.right - 1) for one in asked]),
        untrained=score([(one.sample, 2.0 * one.right - 1) for one in asked if not one.trained]),
        plain=score([(one.sample, 2.0 * one.plain_right - 1) for one in asked]),
        topic=score([(one.sample, one.topic) for one in asked]),
        same=score([(one.sample, one.same) for one in asked]),
        questions=len(asked),
        attributes={name: _shares(some) for name, some in by_attribute.items()},
    )


def _mean(sums_R2: Tensor) -> Tensor:
    return sums_R2[:, 1] / sums_R2[:, 0]


def _shares(asked: Sequence[Reworded]) -> tuple[int, float, float, float]:
    number = len(asked)
    topic, same, right = (sum(getattr(one, what) for one in asked) / number for what in ("topic", "same", "right"))
    return number, topic, same, right
