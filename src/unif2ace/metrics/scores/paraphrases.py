"""Robustness to wording: the same yes/no question in other words, about faces of which half have each answer.

The score is ``2 right - 1``: 0 for a constant answer, 1 if all answers are right. An answer about another attribute
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
    """One paraphrase of a question, and how a model answered it.

    Attributes:
        sample: Index of the question's face.
        attribute: Attribute that the question is about.
        trained: Whether training questions can have this wording.
        topic: Whether the answer is about this attribute.
        same: Whether it is, and says the same as the answer to the plain wording.
        right: Whether it is, and is correct.
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
        untrained: The same for wordings that training questions never have.
        plain: The same for the plain wordings, about the same faces.
        topic: Share of the answers that are about the attribute asked about.
        same: Share of the answers that are about it and say the same as the answer to the plain wording.
        questions: Number of paraphrases.
        attributes: For each attribute: paraphrases, and the shares ``topic``, ``same`` and right.
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
        asked: The paraphrases; of each attribute half are about faces that have it.
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
