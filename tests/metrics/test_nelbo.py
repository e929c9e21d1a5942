"""The bound as a metric: a mean over the valid pictures that were generated."""

from __future__ import annotations

import math

import pytest
import torch

from unif2ace.metrics.nelbo import NELBOMetric
from unif2ace.types import Batch, CorruptedTokens, StepOutput, TokenSequence, UnifiedStep


def _step(nelbo: list[float] | None, valid: list[bool], row: list[int]) -> StepOutput:
    rows, none = len(valid), torch.zeros(len(row))
    batch = Batch(torch.ones(rows, dtype=torch.int8), torch.arange(rows), torch.tensor(valid))
    codes = torch.zeros(len(row), 4, dtype=torch.int64)
    corrupted = CorruptedTokens(torch.tensor(row), codes, codes, none, none, none, none)
    sequence = TokenSequence(codes, codes, none, codes, None)
    drawn = None if nelbo is None else torch.tensor(nelbo)
    return StepOutput(batch, unified=UnifiedStep(sequence, corrupted, {}, nelbo=drawn))


def _of(*steps: StepOutput) -> float:
    metric = NELBOMetric()
    for step in steps:
        metric.update(step)
    return metric.compute()["nelbo"].item()


def test_it_is_the_mean_over_pictures_of_all_steps():
    one, two = _step([1.0, 2.0, 6.0], [True] * 3, [0, 1, 2]), _step([11.0], [True] * 2, [1])
    assert _of(one, two) == pytest.approx(5.0)


def test_rows_that_are_not_valid_are_left_out():
    assert _of(_step([1.0, math.nan, 4.0], [True, True, False, True], [0, 2, 3])) == pytest.approx(2.5)


def test_steps_without_a_bound_are_left_out_and_nothing_gives_nan():
    without = _step(None, [True], [0])
    assert _of(without, _step([3.0], [True], [0])) == 3.0
    assert math.isnan(_of(without, StepOutput(without.batch)))


def test_it_says_what_it_measures():
    metric = NELBOMetric()
    metric.update(_step([3.0, 1.0], [True, True], [0, 1]))
    assert "nats per image token" in metric.describe()["nelbo"]
    assert "2 pictures" in metric.describe()["nelbo"]
