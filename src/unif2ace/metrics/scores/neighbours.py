"""Whether generated samples are copies of training samples. Shapes: S generated, T training samples, D features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap_mean

_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The training samples that are nearest to each of S generated samples.

    Attributes:
        copied: Fraction of generated samples that count as copies: their distance to the nearest training sample is
            below the distance of that training sample to its own nearest neighbour. Equals one minus the authenticity
            of Alaa et al. (arXiv 2102.08921, section 2.3).
        distance: Median distance of generated samples to their nearest training sample, divided by the median distance
            of training samples to their nearest neighbour.
        nearest: int64 (S, k), indices of the nearest training samples, the nearest first.
        distances: float (S, k), their Euclidean distances.
        is_copied: bool (S,), whether a generated sample counts as a copy.
    """

    copied: Score
    distance: float
    nearest: Tensor
    distances: Tensor
    is_copied: Tensor


def neighbours(made_SD: Tensor, train_TD: Tensor, k: int = 3, resamples: int = 0, seed: int = 0) -> Neighbours:
    """The nearest training samples, by Euclidean distance of features.

    Args:
        made_SD: float (S, D), at least one sample.
        train_TD: float (T, D), at least two samples.
        k: Number of neighbours to return; all training samples if there are fewer than k.
        resamples: Number of bootstrap resamples over generated samples; 0 for no interval.
        seed: Seed of the resamples.

    Raises:
        ValueError: If there are no generated samples, or fewer than two training samples.
    """
    if len(made_SD) < 1 or len(train_TD) < 2:
        raise ValueError(f"{len(made_SD)} generated and {len(train_TD)} training samples: give at least 1 and 2")
    made_SD, train_TD = made_SD.double().cpu(), train_TD.double().cpu()
    distance_Sk, index_Sk = _nearest(made_SD, train_TD, min(k, len(train_TD)))
    own_T = _nearest(train_TD, train_TD, 2)[0][:, 1]  # the first is the sample itself
    copied_S = distance_Sk[:, 0] < own_T[index_Sk[:, 0]]
    copied = bootstrap_mean(copied_S, resamples, seed)
    distance = float(distance_Sk[:, 0].median() / own_T.median())
    return Neighbours(copied, distance, index_Sk, distance_Sk.float(), copied_S)


def _nearest(x_ND: Tensor, y_TD: Tensor, k: int) -> tuple[Tensor, Tensor]:
    # the expanded square of a difference is wrong by more than the distance of copies: differences are taken
    found = [
        torch.cdist(block, y_TD, compute_mode="donot_use_mm_for_euclid_dist").topk(k, largest=False)
        for block in torch.split(x_ND, _BLOCK)
    ]
    return torch.cat([one.values for one in found]), torch.cat([one.indices for one in found])
