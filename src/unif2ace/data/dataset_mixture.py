"""Maps each position of an endless stream to a sample of one of several data sets, as a pure function.

A fixed interleaving assigns each position of the stream to a data set, in proportion to the weights. Each data set is
repeated, and each pass uses a new permutation keyed by (seed, task, data set, pass).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.permutation import permutation
from unif2ace.errors import ConfigError

_PATTERN = 1000  # period of the interleaving of data sets: weights are exact to 0.1 %
_permutation = lru_cache(maxsize=16)(permutation)


class SampleRef(NamedTuple):
    """Reference to a sample.

    Attributes:
        task: Index of the task, in the order of the configuration.
        dataset: Index of the data set, in the order of the configuration.
        sample: Index of the sample in the data set.
        cycle: Number of earlier passes through the data set.
        position: Position in the task's stream; it also seeds the sample's noise in training.
        valid: False for padding and for replacements of faulty samples.
    """

    task: int
    dataset: int
    sample: int
    cycle: int
    position: int
    valid: bool = True


class DatasetMixture:
    """Assigns the positions of an endless stream to data sets in proportion to their weights.

    Args:
        lengths: Number of samples of each data set, at least 1.
        weights: Relative share of each data set, > 0; the weights need not sum to 1.
        seed: Seed of the permutations, together with the task and the pass.

    Raises:
        ConfigError: If there is no data set, one is empty, or a weight is not positive.
    """

    def __init__(self, lengths: Sequence[int], weights: Sequence[float], seed: int) -> None:
        if not lengths or min(lengths) < 1:
            raise ConfigError(
                f"the data sets have {list(lengths)} samples, but each needs at least 1; change dataset=[...]"
            )
        if min(weights) <= 0:
            raise ConfigError(
                f"data set weights are {list(weights)}: each must be positive; remove a data set from dataset=[...] to "
                "leave it out"
            )
        self.lengths, self.seed = tuple(lengths), seed
        self.pattern = _interleave(np.asarray(weights, float) / sum(weights))
        hits = self.pattern[:, None] == np.arange(len(lengths))
        self._before = np.vstack([np.zeros((1, len(lengths)), int), np.cumsum(hits, axis=0)])

    def place(self, task: int, index: int) -> SampleRef:
        """The sample at a position of a task's stream."""
        block, offset = divmod(index, len(self.pattern))
        dataset = int(self.pattern[offset])
        local = block * int(self._before[-1, dataset]) + int(self._before[offset, dataset])
        cycle, position = divmod(local, self.lengths[dataset])
        order = _permutation(self.lengths[dataset], self.seed, task, dataset, cycle)
        return SampleRef(task, dataset, int(order[position]), cycle, index)

    @property
    def epoch(self) -> int:
        """Smallest number of positions that contains every sample of every data set."""
        if len(self.lengths) == 1:
            return self.lengths[0]
        shares = self._before[-1] / len(self.pattern)
        return int(np.ceil(max(n / s for n, s in zip(self.lengths, shares, strict=True))))


def _interleave(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Data set of each position of one period, int64 (P,): always the one furthest behind its share."""
    if len(shares) == 1:
        return np.zeros(1, np.int64)
    given = np.zeros(len(shares))
    out = np.empty(_PATTERN, np.int64)
    for place in range(_PATTERN):
        out[place] = np.argmax(shares * (place + 1) - given)
        given[out[place]] += 1
    if given.min() == 0:
        raise ConfigError(
            f"data set weights {shares.tolist()}: the smallest is under 0.1 % of the sum; raise or remove it"
        )
    return out
