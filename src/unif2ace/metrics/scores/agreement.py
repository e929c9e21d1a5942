"""Attribute agreement: do generated faces show what their captions say? S captions, A labels.

A evaluator says of each generated face which labels it shows. For each label the *balanced accuracy* counts: the mean
of the share of faces that show it among those whose caption states it, and of the share that do not among those whose
caption denies it. A label that is always or never drawn has 1/2 there, however frequent it is, so nothing is to be
gained from base rates; that is why it is neither plain accuracy nor F1.

Each label has its floor, the expected balanced accuracy of the same faces when each is handed the caption of another
(the mean over all other captions, in closed form: no shuffle has to be drawn), and its ceiling, that of the true faces
through the evaluator. Means over labels give ``(raw - floor) / (ceiling - floor)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap

_MARGIN = 0.02
"""Below this much over the floor a ceiling is chance: the evaluator knows nothing of these faces."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of S generated faces with their captions.

    Attributes:
        normalised: 0 for captions shuffled, 1 for the true faces; not clamped, nan where the ceiling is not above.
        raw: Mean balanced accuracy, 0 to 1.
        floor: Of captions shuffled.
        ceiling: Of the true faces.
        reconstructed: Of the tokenizer's reconstructions of the true faces.
        by_label: float64 (4, A): raw, floor, ceiling, reconstructed; nan where a label cannot be measured.
        stated: int64 (2, A): captions that state a label, and that deny it.
    """

    normalised: Score
    raw: Score
    floor: float
    ceiling: float
    reconstructed: float
    by_label: Tensor
    stated: Tensor

    @property
    def measured(self) -> Tensor:
        """The labels that count, bool (A,)."""
        return self.by_label[0].isfinite()


def attribute_agreement(
    stated_SA: Tensor,
    generated_SA: Tensor,
    real_SA: Tensor,
    reconstructed_SA: Tensor,
    *,
    at_least: int = 5,
    resamples: int = 1000,
    seed: int = 0,
) -> Agreement:
    """How far generated faces agree with their captions.

    Args:
        stated_SA: int8 (S, A), what captions say: 1 stated, 0 denied, -1 not mentioned.
        generated_SA: bool (S, A), what the evaluator sees in the face that was generated from each caption.
        real_SA: bool (S, A), what it sees in the true face of each caption.
        reconstructed_SA: bool (S, A), what it sees in the tokenizer's reconstruction of that.
        at_least: A label counts if at least so many captions state it, and as many deny it.
        resamples: Of the interval.
        seed: Of the interval.
    """
    says_2SA = torch.stack([stated_SA == 1, stated_SA == 0]).cpu()
    stated_2A = says_2SA.sum(1)
    kept_A = (stated_2A >= at_least).all(0)
    seen = [x.bool().cpu()[:, kept_A] for x in (generated_SA, real_SA, reconstructed_SA)]
    says = list(says_2SA[:, :, kept_A])
    # Sums of each label: captions that say so; of these the faces that are so; and all faces that are so.
    parts = [*says]
    for face_SA in seen:
        parts += [says[0] & face_SA, says[1] & ~face_SA]
    parts += [seen[0], ~seen[0]]
    ones_S1 = torch.ones(len(stated_SA), 1, dtype=torch.float64)
    sums_SK = torch.cat([torch.stack(parts, 2).flatten(1).double(), ones_S1], 1)

    def means(sums_RK: Tensor) -> Tensor:
        """float64 (4, R): the means over labels of raw, floor, ceiling, reconstructed."""
        return _by_label(sums_RK).nanmean(2)

    def normalised(sums_RK: Tensor) -> Tensor:
        raw_R, floor_R, ceiling_R, _ = means(sums_RK)
        return torch.where(ceiling_R > floor_R + _MARGIN, (raw_R - floor_R) / (ceiling_R - floor_R), torch.nan)

    total_1K = sums_SK.sum(0, keepdim=True)
    by_label = torch.full((4, stated_SA.shape[1]), torch.nan, dtype=torch.float64)
    by_label[:, kept_A] = _by_label(total_1K)[:, 0]
    _, floor, ceiling, reconstructed = means(total_1K)[:, 0].tolist()
    raw = bootstrap(sums_SK, lambda sums: means(sums)[0], resamples, seed)
    score = bootstrap(sums_SK, normalised, resamples, seed)
    return Agreement(score, raw, floor, ceiling, reconstructed, by_label, stated_2A)


def _by_label(sums_RK: Tensor) -> Tensor:
    """float64 (4, R, a): balanced accuracy of each label, raw, floor, ceiling and reconstructed."""
    count_R1 = sums_RK[:, -1:]
    t, f, t_is, f_is, t_real, f_real, t_back, f_back, is_, is_not = (
        sums_RK[:, :-1].reshape(len(sums_RK), -1, 10).unbind(2)
    )
    others_R1 = count_R1 - 1
    floor = ((t * is_ - t_is) / (t * others_R1) + (f * is_not - f_is) / (f * others_R1)) / 2
    raw, ceiling, back = ((a / t + b / f) / 2 for a, b in ((t_is, f_is), (t_real, f_real), (t_back, f_back)))
    return torch.stack([raw, floor, ceiling, back])
