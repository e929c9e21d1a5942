"""Attribute agreement: do generated faces show what their captions say? Shapes: S captions, A labels.

An evaluator predicts which labels each generated face shows. The score of a label is its *balanced accuracy*, the mean
of true positive rate and true negative rate: the fraction of faces that show the label if their caption states it, and
that do not show it if their caption denies it. A label that is always or never generated scores 1/2, so the frequency
of labels has no effect. Plain accuracy and F1 lack this property.

The floor of a label is the expected balanced accuracy of the same faces with captions of other faces, computed in
closed form over all other captions. The ceiling of a label is the evaluator's balanced accuracy on the true faces. The
normalised score is ``(raw - floor) / (ceiling - floor)``, with each term a mean over labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap
from unif2ace.metrics.scores.scale import rescaled


@dataclass(frozen=True, slots=True)
class Agreement:
    """Attribute agreement of S generated faces with their captions.

    Attributes:
        normalised: 0 for shuffled captions, 1 for the true faces; not clamped; NaN unless the ceiling exceeds the floor
            by more than `MARGIN`.
        raw: Mean balanced accuracy, 0 to 1.
        floor: Balanced accuracy with shuffled captions.
        ceiling: Balanced accuracy of the true faces.
        reconstructed: Balanced accuracy of the tokenizer's reconstructions of the true faces.
        by_label: float64 (4, A): raw, floor, ceiling, reconstructed; NaN for labels that cannot be measured.
        stated: int64 (2, A): number of captions that state each label, and that deny it.
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
        """The labels that are measured, bool (A,)."""
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
    """Attribute agreement of generated faces with their captions.

    Args:
        stated_SA: int8 (S, A), labels in the captions: 1 stated, 0 denied, -1 not mentioned.
        generated_SA: bool (S, A), labels that the evaluator predicts for the face generated from each caption.
        real_SA: bool (S, A), labels that the evaluator predicts for the true face of each caption.
        reconstructed_SA: bool (S, A), labels that the evaluator predicts for the tokenizer's reconstruction of the true
            face.
        at_least: A label is measured only if at least this many captions state it, and as many deny it.
        resamples: Number of bootstrap resamples of the interval.
        seed: Seed of the resamples.
    """
    says_2SA = torch.stack([stated_SA == 1, stated_SA == 0]).cpu()
    stated_2A = says_2SA.sum(1)
    kept_A = (stated_2A >= at_least).all(0)
    seen = [x.bool().cpu()[:, kept_A] for x in (generated_SA, real_SA, reconstructed_SA)]
    says = list(says_2SA[:, :, kept_A])
    # Sums per label: captions that state or deny it; faces that agree with these; all faces with and without it.
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
        return rescaled(raw_R, floor_R, ceiling_R)

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
