"""Compares captions with the labels of their faces. Shapes: S captions, A labels.

Precision and recall of the labels that captions state are computed over visible labels and pooled over all captions
(micro average). Naming frequent labels already gives some F1. Two references are therefore reported. ``shuffled`` is
the expected F1 of the same captions on other faces, in closed form. ``reference`` is the F1 of the data set's own
captions, which are incomplete too. The score is ``(f1 - shuffled) / (reference - shuffled)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap
from unif2ace.metrics.scores.scale import rescaled


@dataclass(frozen=True, slots=True)
class CaptionScore:
    """Scores of S captions.

    Attributes:
        normalised: 0 for captions of other faces, 1 for the data set's own captions; not clamped; NaN unless the latter
            exceed the former in F1 by more than `MARGIN`.
        f1: Harmonic mean of precision and recall, 0 to 1.
        f1_shuffled: F1 of the same captions on other faces.
        f1_reference: F1 of the data set's own captions.
        precision: Fraction of the stated labels that are true.
        recall: Fraction of the true labels that are stated.
        by_label: float64 (2, A): precision and recall of each label; NaN for labels that are never stated, or never
            true.
    """

    normalised: Score
    f1: Score
    f1_shuffled: float
    f1_reference: float
    precision: float
    recall: float
    by_label: Tensor


def caption_scores(
    stated_SA: Tensor, reference_SA: Tensor, true_SA: Tensor, *, resamples: int = 1000, seed: int = 0
) -> CaptionScore:
    """Scores how well captions name the labels of their faces.

    Args:
        stated_SA: bool (S, A), labels that each caption states.
        reference_SA: bool (S, A), labels that the data set's own caption of the face states.
        true_SA: int8 (S, A), 1 true, 0 false, -1 not visible or not labelled.
        resamples: Number of bootstrap resamples of the intervals.
        seed: Seed of the resamples.
    """
    visible_SA, is_SA = (true_SA >= 0).cpu(), (true_SA == 1).cpu()
    said_SA, own_SA = stated_SA.bool().cpu(), reference_SA.bool().cpu()
    parts = (said_SA, visible_SA, is_SA, said_SA & visible_SA, said_SA & is_SA, own_SA & visible_SA, own_SA & is_SA)
    ones_S1 = torch.ones(len(said_SA), 1, dtype=torch.float64)
    sums_SK = torch.cat([torch.stack(parts, 2).flatten(1).double(), ones_S1], 1)

    def scores(sums_RK: Tensor) -> Tensor:
        """float64 (3, R): F1 on the captions' faces, on other faces, and of the data set's captions."""
        count_R1 = sums_RK[:, -1:]
        said, visible, true, said_seen, hits, own_seen, own_hits = _unbind(sums_RK)
        others_R1 = count_R1 - 1
        elsewhere = (said * true - hits) / others_R1, (said * visible - said_seen) / others_R1
        pairs = ((hits, said_seen), elsewhere, (own_hits, own_seen))
        return torch.stack([2 * h.sum(1) / (s.sum(1) + true.sum(1)).clamp(min=1) for h, s in pairs])

    def normalised(sums_RK: Tensor) -> Tensor:
        f1, shuffled, reference = scores(sums_RK)
        return rescaled(f1, shuffled, reference)

    total_1K = sums_SK.sum(0, keepdim=True)
    _, shuffled, reference = scores(total_1K)[:, 0].tolist()
    _, _, true, said_seen, hits, _, _ = (x[0] for x in _unbind(total_1K))
    return CaptionScore(
        normalised=bootstrap(sums_SK, normalised, resamples, seed),
        f1=bootstrap(sums_SK, lambda sums: scores(sums)[0], resamples, seed),
        f1_shuffled=shuffled,
        f1_reference=reference,
        precision=float(hits.sum() / said_seen.sum()),
        recall=float(hits.sum() / true.sum()),
        by_label=torch.stack([hits / said_seen, hits / true]),
    )


def _unbind(sums_RK: Tensor) -> Sequence[Tensor]:
    """The seven sums of each label, float64 (R, A) each."""
    return sums_RK[:, :-1].reshape(len(sums_RK), -1, 7).unbind(2)
