"""Permutations: each number once, no order preferred, and the same order forever."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unif2ace.data.permutation import permutation


@given(st.integers(0, 3000), st.integers(0, 2**70), st.integers(0, 2**40))
def test_each_epoch_is_a_permutation(num_samples, seed, epoch):
    assert np.array_equal(np.sort(permutation(num_samples, seed, epoch)), np.arange(num_samples))


def test_every_permutation_is_as_likely():
    counts = Counter(tuple(permutation(4, 1, epoch).tolist()) for epoch in range(24_000))
    deviation = sum((counts[p] - 1000) ** 2 / 1000 for p in itertools.permutations(range(4)))
    assert deviation < 55, "chi-squared with 23 degrees of freedom exceeds 55 once in 5,000 times"


def test_epochs_and_seeds_differ():
    orders = [permutation(1000, seed, epoch) for seed in range(4) for epoch in range(4)]
    for a, b in itertools.combinations(orders, 2):
        assert (a == b).sum() < 12
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.15


def splitmix(x: int) -> int:
    """SplitMix64 in plain integers: the state x is advanced once and mixed."""
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return x ^ (x >> 31)


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (17, 3), (-1, 10**6)])
def test_the_order_is_that_of_the_hashes(seed, epoch):
    """A library's shuffle may change between versions and with it the order of a resumed run; this may not."""
    assert splitmix(0) == 0xE220A8397B1DCDAF, "the first output of the published generator with state 0"
    key = splitmix(splitmix(seed % 2**64) ^ epoch)
    assert permutation(500, seed, epoch).tolist() == sorted(range(500), key=lambda n: splitmix(key ^ n))
