"""Permutations that depend only on a key, so that a library update cannot change the order of a run.

SplitMix64 (Steele, Lea and Flood, 2014) hashes the key and each index; sorting the hashes gives the permutation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def permutation(length: int, *key: int) -> NDArray[np.int64]:
    """A pseudo-random permutation of ``range(N)``, int64 (N,).

    Args:
        length: N.
        key: Integers that determine the permutation, such as a seed and an epoch.
    """
    state = np.zeros(1, np.uint64)
    for part in key:
        state = _mixed(state ^ np.array([part % 2**64], np.uint64))
    return np.argsort(_mixed(state ^ np.arange(length, dtype=np.uint64)), kind="stable")


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output function, applied to uint64 (N,) with arithmetic modulo 2**64."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
