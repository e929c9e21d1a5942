"""Copies of training samples are found; samples of the same distribution are not copies."""

from __future__ import annotations

import pytest
import torch

from unif2ace.metrics.scores.neighbours import neighbours


def test_copies_and_new_samples():
    draw = torch.Generator().manual_seed(0)
    train, fresh = torch.randn(2, 200, 16, generator=draw)
    copies = train[:50] + 1e-4 * torch.randn(50, 16, generator=draw)
    found = neighbours(torch.cat([copies, fresh[:50]]), train, k=2, resamples=100)
    assert found.nearest[:50, 0].tolist() == list(range(50))
    assert found.nearest.shape == found.distances.shape == (100, 2)
    assert neighbours(copies, train).copied.value == 1
    assert 0.2 < neighbours(fresh, train).copied.value < 0.5
    assert found.copied.low < found.copied.value < found.copied.high
    assert neighbours(fresh, train).distance == pytest.approx(1, abs=0.1)


def test_distances_of_copies_far_from_the_origin_are_exact():
    train = 1e4 + torch.arange(6.0, dtype=torch.float64)[:, None] * torch.ones(3, dtype=torch.float64)
    assert neighbours(train[:2], train).distances[:, 0].tolist() == [0, 0]


def test_one_training_sample_is_too_few():
    with pytest.raises(ValueError, match="1 generated and 1 training"):
        neighbours(torch.zeros(1, 2), torch.zeros(1, 2))
