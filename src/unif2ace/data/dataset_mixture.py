"""Which sample stands at which place of an endless stream over several data sets, as a pure function.

Place g of the stream is given to one data set by a fixed interleaving in proportion to the weights; each data set is
passed through again and again, every pass a new permutation keyed by (seed, view, data set, pass).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.permutation import permutation
from unif2ace.errors import ConfigError

_PATTERN = 1000  # places after which the interleaving of data sets repeats: weights are exact to a tenth of a percent
_permutation = lru_cache(maxsize=16)(permutation)


class SampleRef(NamedTuple):
    """Where a row comes from.

    Attributes:
        view: Number of the view, in the order of the configuration.
        dataset: Number of the data set, likewise.
        sample: Place in the data set.
        cycle: How often the data set was passed through before.
        position: Place in the view's stream; the key of the row's randomness.
        valid: False if the row only fills up a rank.
    """

    task: int
    dataset: int
    sample: int
    cycle: int
    position: int
    valid: bool = True


class DatasetMixture:
    """Deals an endless stream of places to data sets in proportion to their weights.

    Args:
        lengths: Samples of each data set, at least 1.
        weights: Shares; they need not sum to 1.
        seed: Key of the permutations, together with the view and the pass.

    Raises:
        ConfigError: If there is no data set, one is empty, or a weight is not positive.
    """

    def __init__(self, lengths: Sequence[int], weights: Sequence[float], seed: int) -> None:
        if not lengths or min(lengths) < 1:
            raise ConfigError(
                f"data sets of {list(lengths)} samples: each needs at least one; select one with dataset=[...]"
            )
        if min(weights) <= 0:
            raise ConfigError(
                f"data set weights are {list(weights)}; each must be positive: drop a data set to leave it out"
            )
        self.lengths, self.seed = tuple(lengths), seed
        self.pattern = _interleave(np.asarray(weights, float) / sum(weights))
        hits = self.pattern[:, None] == np.arange(len(lengths))
        self._before = np.vstack([np.zeros((1, len(lengths)), int), np.cumsum(hits, axis=0)])

    def place(self, task: int, index: int) -> SampleRef:
        """The row at a place of a view's stream."""
        block, offset = divmod(index, len(self.pattern))
        dataset = int(self.pattern[offset])
        local = block * int(self._before[-1, dataset]) + int(self._before[offset, dataset])
        cycle, position = divmod(local, self.lengths[dataset])
        order = _permutation(self.lengths[dataset], self.seed, task, dataset, cycle)
        return SampleRef(task, dataset, int(order[position]), cycle, index)

    @property
    def epoch(self) -> int:
        """Places after which every data set was passed through at least once."""
        if len(self.lengths) == 1:
            return self.lengths[0]
        shares = self._before[-1] / len(self.pattern)
        return int(np.ceil(max(n / s for n, s in zip(self.lengths, shares, strict=True))))


def _interleave(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Data set of each place of one pattern: always the one furthest behind its share."""
    if len(shares) == 1:
        return np.zeros(1, np.int64)
    given = np.zeros(len(shares))
    out = np.empty(_PATTERN, np.int64)
    for place in range(_PATTERN):
        out[place] = np.argmax(shares * (place + 1) - given)
        given[out[place]] += 1
    if given.min() == 0:
        raise ConfigError(
            f"data set weights {shares.tolist()}: the smallest is under 0.1 % of the whole; raise or drop it"
        )
    return out
