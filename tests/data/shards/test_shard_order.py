from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unif2ace.data.shards import Draw, EpochOrder, permutation
from unif2ace.errors import DataError

sizes = st.tuples(st.integers(1, 7), st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def ranks(num_samples: int, world_size: int, **options) -> list[EpochOrder]:
    return [EpochOrder(num_samples, 3, rank, world_size, **options) for rank in range(world_size)]


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


@given(sizes)
def test_training_ranks_are_disjoint_equal_and_all_but_complete(size):
    world_size, num_samples = size
    drawn = [list(order) for order in ranks(num_samples, world_size)]
    assert {len(d) for d in drawn} == {num_samples // world_size}
    indices = [draw.index for rank in drawn for draw in rank]
    assert len(set(indices)) == len(indices) > num_samples - world_size
    assert all(draw.valid for rank in drawn for draw in rank)


@given(sizes.map(lambda s: (s[0], s[1] - s[0] + 1)))
def test_evaluation_ranks_are_equal_and_valid_draws_are_complete(size):
    world_size, num_samples = size
    drawn = [list(order) for order in ranks(num_samples, world_size, mode="evaluate")]
    assert {len(d) for d in drawn} == {-(-num_samples // world_size)}
    valid = [draw.index for rank in drawn for draw in rank if draw.valid]
    assert sorted(valid) == list(range(num_samples))
    assert all(0 <= draw.index < num_samples for rank in drawn for draw in rank)
    assert sum(not draw.valid for rank in drawn for draw in rank) < world_size


@given(sizes, st.data())
def test_a_resumed_order_goes_on_exactly(size, data):
    world_size, num_samples = size
    whole = EpochOrder(num_samples, 5, 0, world_size)
    two_epochs = [*whole, *whole]
    stop = data.draw(st.integers(0, len(two_epochs)))
    first = EpochOrder(num_samples, 5, 0, world_size)
    drawn: list[Draw] = []
    while len(drawn) < stop:
        drawn += itertools.islice(first, stop - len(drawn))
    second = EpochOrder(num_samples, 5, 0, world_size)
    second.load_state_dict(first.state_dict())
    while len(drawn) < len(two_epochs):
        drawn += second
    assert drawn[: len(two_epochs)] == two_epochs


def test_an_epoch_longer_than_a_block_is_whole_and_resumes():
    order = EpochOrder(5000, 1)
    drawn = list(itertools.islice(order, 2500))
    again = EpochOrder(5000, 1)
    again.load_state_dict(order.state_dict())
    assert sorted(d.index for d in [*drawn, *again]) == list(range(5000))


@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 2), (3, 2), (1, 5), (6, 1)])
def test_another_number_of_ranks_goes_on_with_the_same_samples(before, after):
    num_samples, steps = 121, 9
    running = ranks(num_samples, before)
    used = [draw.index for order in running for draw in itertools.islice(order, steps)]
    states = [order.state_dict() for order in running]
    assert all(state == states[0] for state in states), "the state is the same on every rank"
    rest = []
    for order in ranks(num_samples, after):
        order.load_state_dict(states[0])
        rest.append([draw.index for draw in order])
    assert len({len(r) for r in rest}) == 1
    together = used + [index for r in rest for index in r]
    assert len(set(together)) == len(together) > num_samples - after
    assert set(used) == set(permutation(num_samples, 3, 0)[: before * steps].tolist())


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_a_global_batch_holds_the_same_samples_under_any_number_of_ranks(world_size):
    drawn = [[draw.index for draw in order] for order in ranks(64, world_size)]
    per_rank = 8 // world_size
    batches = [{i for d in drawn for i in d[s * per_rank : (s + 1) * per_rank]} for s in range(8)]
    assert batches == [set(permutation(64, 3, 0)[8 * s : 8 * s + 8].tolist()) for s in range(8)]


def test_iterations_are_epochs_and_set_epoch_begins_anew():
    order = EpochOrder(20, 1)
    epochs = [list(order) for _ in range(3)]
    assert [[d.epoch for d in e] for e in epochs] == [[n] * 20 for n in range(3)]
    assert epochs[0] != epochs[1]
    order.set_epoch(1)
    next(iter(order))
    assert order.remaining == 19
    order.set_epoch(1)
    assert list(order) == epochs[1]
    assert len(order) == 20


def test_evaluation_keeps_the_order_unless_told():
    assert [d.index for d in EpochOrder(5, mode="evaluate")] == [0, 1, 2, 3, 4]
    shuffled = EpochOrder(50, 1, mode="evaluate", shuffle=True)
    assert [d.index for d in shuffled] == permutation(50, 1, 0).tolist()
    assert [d.index for d in EpochOrder(5, shuffle=False)] == [0, 1, 2, 3, 4]


def test_a_state_of_another_order_is_refused():
    state = EpochOrder(10, seed=1).state_dict()
    with pytest.raises(DataError, match=r"seed=1.*2"):
        EpochOrder(10, seed=2).load_state_dict(state)
    with pytest.raises(DataError, match="num_samples=10"):
        EpochOrder(11, seed=1).load_state_dict(state)


def test_too_few_samples_are_an_error_on_every_rank():
    for rank in range(4):
        with pytest.raises(DataError, match="3 samples are too few for 4"):
            EpochOrder(3, 0, rank, 4)
        assert len(EpochOrder(3, 0, rank, 4, mode="evaluate")) == 1
    with pytest.raises(DataError):
        EpochOrder(0, mode="evaluate")
    for rank, world_size in ((-1, 2), (2, 2), (0, 0)):
        with pytest.raises(DataError, match="rank"):
            EpochOrder(10, 0, rank, world_size)


def test_the_environment_decides_nothing():
    code = "from unif2ace.data.shards import EpochOrder; print([d.index for d in EpochOrder(9, 2, 1, 2)])"
    outs = {
        subprocess.run([sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, check=True).stdout
        for env in ({}, {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "3"}, {"RANK": "0", "WORLD_SIZE": "1"})
    }
    assert len(outs) == 1
