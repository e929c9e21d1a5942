"""Statistics of values over seeds: means, standard errors, and intervals from bootstrap replicates over samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = (0.025, 0.975)
"""Lower and upper quantile of a 95 % interval."""
Replicates = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of a value over seeds.

    Attributes:
        n: Number of seeds.
        mean: Mean over seeds.
        error: Standard error of the mean over seeds; None for one seed.
        interval: 95 % bootstrap interval of the mean, over the evaluated samples; None without replicates.
    """

    n: int
    mean: float
    error: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Difference(Summary):
    """Statistics of the difference between two settings, paired by seed.

    Attributes:
        seeds: Seeds that both settings have.
        by_seed: Difference for each seed.
    """

    seeds: tuple[int, ...]
    by_seed: tuple[float, ...]


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard error of one or more values. The error of a single value is None."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def interval(replicates: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """The 95 % interval of the finite replicates; None if no replicate is finite."""
    found = np.asarray(replicates, dtype=float)
    found = found[np.isfinite(found)]
    if not len(found):
        return None
    low, high = np.quantile(found, LEVEL)
    return float(low), float(high)


def differences(first: Replicates, other: Replicates) -> np.ndarray:
    """Replicates of `other` minus those of `first`, with NaN for None; empty if the lengths differ."""
    one, two = (np.array(some, dtype=float) for some in (first, other))
    return two - one if len(one) == len(two) else np.empty(0)


def summarize(values: Mapping[int, float], replicates: Mapping[int, Replicates]) -> Summary | None:
    """Summarises a value over seeds.

    Args:
        values: Value by seed.
        replicates: Bootstrap replicates by seed. All seeds must resample the same samples.

    Returns:
        The summary; None if `values` is empty.
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
    """Summarises the difference `other` minus `first`, paired by seed.

    Args:
        first: Value of the first setting by seed.
        other: Value of the other setting by seed.
        first_replicates: Bootstrap replicates of the first setting by seed.
        other_replicates: Bootstrap replicates of the other setting by seed, paired with `first_replicates`.

    Returns:
        The difference; None if the settings have no common seed.
    """
    seeds = tuple(seed for seed in first if seed in other)
    if not seeds:
        return None
    by_seed = tuple(other[seed] - first[seed] for seed in seeds)
    mean, error = mean_and_error(by_seed)
    over = [differences(first_replicates.get(seed, ()), other_replicates.get(seed, ())) for seed in seeds]
    return Difference(len(seeds), mean, error, _of_mean(over), seeds, by_seed)


def _of_mean(over: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """The 95 % interval of the replicates averaged over seeds; None if the seeds have different numbers of them."""
    if len({len(one) for one in over}) != 1:
        return None
    return interval(np.mean(over, axis=0))
