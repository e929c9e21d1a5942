"""Confidence intervals of scores by the percentile bootstrap. Shapes: S samples, K sums, R resamples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Score(NamedTuple):
    """A value with its 95 % bootstrap interval.

    Attributes:
        value: The value; NaN if undefined.
        low: Lower bound of the interval; NaN if there is none.
        high: Upper bound of the interval; NaN if there is none.
        samples: Number of samples that were resampled; 0 if unknown.
        replicates: The values on R bootstrap resamples. Scores of the same samples with the same seed share their
            resamples, so differences between scores are paired.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    samples: int = 0
    replicates: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def bootstrap(
    sums_SK: Tensor, statistic: Callable[[Tensor], Tensor], resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> Score:
    """A statistic of sums over samples, with its percentile interval (Efron, *Bootstrap methods*, 1979).

    Args:
        sums_SK: float (S, K), contribution of each sample to each sum.
        statistic: Function of the sums, from float64 (R, K) to (R,); it must be invariant to scaling all sums.
        resamples: Number of resamples; 0 for no interval.
        seed: Seed of the resamples.
        level: Confidence level of the interval, in (0, 1).
    """
    sums_SK = sums_SK.double().cpu()
    value = float(statistic(sums_SK.sum(0, keepdim=True))[0])
    count = len(sums_SK)
    if not resamples or count < 2:
        return Score(value, samples=count)
    drawn_RS = torch.randint(count, (resamples, count), generator=torch.Generator().manual_seed(seed))
    times_RS = torch.zeros(resamples, count, dtype=torch.float64)
    times_RS.scatter_add_(1, drawn_RS, torch.ones_like(times_RS))
    found_R = statistic(times_RS @ sums_SK)
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = found_R.nanquantile(tails).tolist()
    return Score(value, low, high, count, tuple(found_R.tolist()))


def bootstrap_mean(values_S: Tensor, resamples: int = 1000, seed: int = 0) -> Score:
    """The mean of one value per sample, with its interval; see `bootstrap`.

    Args:
        values_S: float (S,); NaN for samples without a value, which are left out of the mean.
        resamples: Number of resamples; 0 for no interval.
        seed: Seed of the resamples.
    """
    known_S = values_S.isfinite()
    sums_S2 = torch.stack([known_S.double(), torch.where(known_S, values_S.double(), 0)], 1)
    return bootstrap(sums_S2, lambda sums_R2: sums_R2[:, 1] / sums_R2[:, 0], resamples, seed)
