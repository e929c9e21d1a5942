"""A loader goes on at any batch, whatever number of workers read before and after."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from unif2ace.data.batch_order import EvaluationOrder, TrainOrder
from unif2ace.data.batch_sampler import ResumableBatchSampler
from unif2ace.data.dataset_mixture import DatasetMixture, SampleRef
from unif2ace.data.loader import ResumableLoader
from unif2ace.errors import ConfigError

STEPS = 5


class Refs(torch.utils.data.Dataset):
    def __getitem__(self, ref: SampleRef) -> tuple[int, ...]:
        return tuple(ref)


def _loader(workers: int, steps: int | None = STEPS, seed: int = 0) -> ResumableLoader:
    order = TrainOrder(DatasetMixture([13, 7], [1, 2], seed), {"a": 4}, 0, 1, steps)
    return ResumableLoader(Refs(), ResumableBatchSampler(order), list, workers)


def _stream(loader: ResumableLoader, epochs: int) -> list[list[tuple[int, ...]]]:
    return [batch for _ in range(epochs) for batch in loader]


@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 0), (1, 2), (2, 3), (3, 2)])
@pytest.mark.parametrize("taken", [1, STEPS])
def test_a_run_goes_on_with_another_number_of_workers(before: int, after: int, taken: int):
    whole = _stream(_loader(0), 3)
    first = _loader(before)
    seen = list(islice(iter(first), taken))
    state = first.state_dict()
    del first
    second = _loader(after)
    second.load_state_dict(state)
    rest = _stream(second, 2)
    assert seen + rest == whole[: taken + len(rest)]
    assert len(rest) >= STEPS


def test_a_batch_that_was_read_ahead_is_not_counted():
    loader = _loader(2)
    batches = iter(loader)
    next(batches)
    assert loader.state_dict() == {"epoch": 0, "step": 1, "steps_per_epoch": STEPS}


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    expected = torch.get_rng_state()
    _stream(_loader(0), 1)
    assert torch.equal(torch.get_rng_state(), expected)


@pytest.mark.parametrize("state", [{"epoch": 0, "step": 1, "steps_per_epoch": STEPS + 1}, {"_snapshot": {}}])
def test_another_order_is_refused_by_name(state: dict):
    with pytest.raises(ConfigError, match=r"steps per epoch.*task\.\*\.batch_size"):
        _loader(0).load_state_dict(state)


def test_evaluation_reads_every_sample_again_in_each_pass():
    loader = ResumableLoader(Refs(), ResumableBatchSampler(EvaluationOrder([5, 2], {"a": 3}, 0, 1)), list)
    assert _stream(loader, 1) == _stream(loader, 1)
    assert sum(map(len, loader)) == 7
