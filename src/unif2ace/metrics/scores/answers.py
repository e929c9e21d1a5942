"""Answer accuracy, balanced over answers. A *cell* is the set of questions of one kind on one attribute.

In each cell all distinct true answers have the same total weight, so a constant answer scores 1 / (number of answers).
A cell with a single answer is not informative and is left out. The floor of a kind is the best of three baselines
without access to the image: a constant answer, a random option of a closed question, and the same model with other
faces. The score is ``(accuracy - floor) / (1 - floor)``. The overall score uses means of accuracy and floor over kinds.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap
from unif2ace.metrics.scores.scale import rescaled


class Asked(NamedTuple):
    """One question and whether a model answered it correctly.

    Attributes:
        sample: Index of the question's face.
        kind: Kind of the question.
        attribute: Attribute that the question is about.
        truth: The true answer, as a hashable value.
        right: Whether the model's answer is correct.
        right_unseen: Whether the model's answer is correct when the model receives another face.
        chance: Probability that a random option is correct; 0 for an open question.
    """

    sample: int
    kind: str
    attribute: str
    truth: Hashable
    right: bool
    right_unseen: bool
    chance: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """Answer accuracy of one kind of questions, or of all kinds.

    Attributes:
        normalised: 0 for the floor, 1 for all correct; not clamped.
        raw: Balanced accuracy, 0 to 1.
        floor: The largest of `majority`, `chance` and `unseen`; for all kinds, the mean of the kinds' floors.
        majority: Accuracy of a constant answer per cell.
        chance: Accuracy of random options; 0 for open questions.
        unseen: Accuracy of the same model when it receives other faces.
        questions: Number of questions in the score.
        left_out: Number of questions in cells with a single answer.
        cells: For each measured attribute: number of questions, number of answers and balanced accuracy.
    """

    normalised: Score
    raw: float
    floor: float
    majority: float
    chance: float
    unseen: float
    questions: int
    left_out: int
    cells: Mapping[str, tuple[int, int, float]]


def answer_scores(asked: Sequence[Asked], *, resamples: int = 1000, seed: int = 0) -> dict[str, AnswerScore]:
    """Scores by kind, for kinds that can be measured, and under ``all`` the score over all kinds.

    Args:
        asked: The questions.
        resamples: Number of bootstrap resamples over faces.
        seed: Seed of the resamples.
    """
    kinds = sorted({one.kind for one in asked})
    balanced = {kind: _balance([one for one in asked if one.kind == kind]) for kind in kinds}
    samples = max((one.sample for one in asked), default=-1) + 1
    sums = {kind: _sums(counted, samples) for kind, counted in balanced.items() if counted}
    found = {
        kind: _score([sums[kind]], balanced[kind], [one for one in asked if one.kind == kind], resamples, seed)
        for kind in sums
    }
    if found:
        counted = [one for some in balanced.values() for one in some]
        found["all"] = _score(list(sums.values()), counted, asked, resamples, seed)
    return found


class _Counted(NamedTuple):
    """A question in the score, its weight, and the number of answers in its cell."""

    asked: Asked
    weight: float
    answers: int


def _balance(asked: Sequence[Asked]) -> list[_Counted]:
    """Questions of cells with several answers; answers of a cell weigh the same, and cells weigh by their size."""
    cells: dict[str, dict[Hashable, list[Asked]]] = {}
    for one in asked:
        cells.setdefault(one.attribute, {}).setdefault(one.truth, []).append(one)
    counted = []
    for answers in cells.values():
        size = sum(map(len, answers.values()))
        for same in answers.values() if len(answers) > 1 else ():
            counted += [_Counted(one, size / len(answers) / len(same), len(answers)) for one in same]
    return counted


def _sums(counted: Sequence[_Counted], samples: int) -> Tensor:
    """float64 (S, 5): for each face the weights, and the weighted right, majority, chance and unseen."""
    sums = torch.zeros(samples, 5, dtype=torch.float64)
    for one, weight, answers in counted:
        values = (1.0, one.right, 1 / answers, one.chance, one.right_unseen)
        sums[one.sample] += weight * torch.tensor(values, dtype=torch.float64)
    return sums


def _score(
    kinds: Sequence[Tensor], counted: Sequence[_Counted], asked: Sequence[Asked], resamples: int, seed: int
) -> AnswerScore:
    def shares(sums_RK: Tensor) -> Tensor:
        """Raw, majority, chance and unseen of each of M kinds, float64 (R, M, 4)."""
        sums_RM5 = sums_RK.reshape(len(sums_RK), -1, 5)
        return sums_RM5[:, :, 1:] / sums_RM5[:, :, :1]

    def normalised(sums_RK: Tensor) -> Tensor:
        shares_RM4 = shares(sums_RK)
        raw_R, floor_R = shares_RM4[:, :, 0].nanmean(1), shares_RM4[:, :, 1:].amax(2).nanmean(1)
        return rescaled(raw_R, floor_R, torch.ones_like(floor_R))

    sums_SK = torch.cat(list(kinds), 1)
    shares_M4 = shares(sums_SK.sum(0, keepdim=True))[0]
    raw, majority, chance, unseen = shares_M4.mean(0).tolist()
    floor = float(shares_M4[:, 1:].amax(1).mean())
    score = bootstrap(sums_SK, normalised, resamples, seed)
    left_out = len(asked) - len(counted)
    return AnswerScore(score, raw, floor, majority, chance, unseen, len(counted), left_out, _cells(counted))


def _cells(counted: Sequence[_Counted]) -> dict[str, tuple[int, int, float]]:
    """For each attribute: number of questions, largest number of answers of one kind and value, balanced accuracy."""
    cells: dict[str, tuple[int, int, float, float]] = {}
    for one, weight, answers in counted:
        number, most, right, total = cells.get(one.attribute, (0, 0, 0.0, 0.0))
        cells[one.attribute] = (number + 1, max(most, answers), right + weight * one.right, total + weight)
    return {name: (number, most, right / total) for name, (number, most, right, total) in sorted(cells.items())}
