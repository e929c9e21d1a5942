"""Means, standard errors and intervals of values over seeds, and of paired replicates over samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = (0.025, 0.975)
"""Quantiles of a 95 % interval."""
Replicates = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Summary:
    """A value over S seeds.

    Attributes:
        n: S.
        mean: Mean over seeds.
        error: Standard error of the mean over seeds; None for one seed.
        interval: 95 % interval over samples of the mean; None without replicates.
    """

    n: int
    mean: float
    error: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Difference(Summary):
    """Differences of a value between two settings, paired by seed.

    Attributes:
        seeds: The S seeds that both have.
        by_seed: The difference of each.
    """

    seeds: tuple[int, ...]
    by_seed: tuple[float, ...]


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard error of at least one value; the error of a single value is None."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def interval(replicates: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """The 95 % interval of replicates, of which those that are not finite are left out; None if none is left."""
    found = np.asarray(replicates, dtype=float)
    found = found[np.isfinite(found)]
    if not len(found):
        return None
    low, high = np.quantile(found, LEVEL)
    return float(low), float(high)


def differences(first: Replicates, other: Replicates) -> np.ndarray:
    """`other` minus `first`, replicate by replicate; empty if they are not paired. None counts as not finite."""
    one, two = (np.array(some, dtype=float) for some in (first, other))
    return two - one if len(one) == len(two) else np.empty(0)


def summarize(values: Mapping[int, float], replicates: Mapping[int, Replicates]) -> Summary | None:
    """A value over seeds.

    Args:
        values: The value of each seed.
        replicates: The bootstrap replicates of each seed; those of all seeds resample the same samples.

    Returns:
        The summary; None if there is no value.
    """
    if not values:
        return None
    mean, error = mean_and_error(list(values.values()))
    over = [np.array(replicates.get(seed, ()), dtype=float) for seed in values]
    return Summary(len(values), mean, error, _of_mean(over))


def differ(
    first: Mapping[int, float],
    other: Mapping[int, float],
    first_replicates: Mapping[int, Replicates],
    other_replicates: Mapping[int, Replicates],
) -> Difference | None:
    """`other` minus `first`, paired by seed.

    Args:
        first: The value of each seed.
        other: The same of the other setting.
        first_replicates: The bootstrap replicates of each seed.
        other_replicates: The same of the other setting, paired with those.

    Returns:
        The difference; None if there is no common seed.
    """
    seeds = tuple(seed for seed in first if seed in other)
    if not seeds:
        return None
    by_seed = tuple(other[seed] - first[seed] for seed in seeds)
    mean, error = mean_and_error(by_seed)
    over = [differences(first_replicates.get(seed, ()), other_replicates.get(seed, ())) for seed in seeds]
    return Difference(len(seeds), mean, error, _of_mean(over), seeds, by_seed)


def _of_mean(over: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """The interval of the mean over seeds of their replicates; None unless all seeds have as many."""
    if len({len(one) for one in over}) != 1:
        return None
    return interval(np.mean(over, axis=0))
