"""Frechet and kernel distance, precision and recall against closed forms and torch-fidelity's own formulas."""

from __future__ import annotations

import math

import pytest
import torch

from unif2ace.metrics.frechet import frechet_distance
from unif2ace.metrics.scores.distributions import frechet, kernel, precision_recall


def _sets(n: int = 40, m: int = 50, d: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=draw), 0.3 + 1.5 * torch.randn(m, d, generator=draw)


@pytest.mark.parametrize("d", [6, 200])  # more and fewer features than samples
def test_frechet_is_that_of_the_covariances(d: int):
    x, y = (z.double() for z in _sets(d=d))
    expected = frechet_distance(x.mean(0), x.T.cov(), y.mean(0), y.T.cov())
    assert frechet(x, y).value == pytest.approx(float(expected), rel=1e-8)
    assert frechet(x, x).value == pytest.approx(0, abs=1e-9)


def test_kernel_is_the_mean_over_pairs():
    x, y = (z.double() for z in _sets(5, 7, 3))

    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a @ b / 3 + 1) ** 3)

    def own(z: torch.Tensor) -> float:
        return sum(k(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j) / len(z) / (len(z) - 1)

    expected = own(x) + own(y) - 2 * sum(k(a, b) for a in x for b in y) / 35
    assert kernel(x, y).value == pytest.approx(expected, rel=1e-9)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    x, y = _sets()
    whole = kernel(x, y, 8), precision_recall(x, y)
    monkeypatch.setattr("unif2ace.metrics.scores.distributions._BLOCK", 7)
    for a, b in zip(whole[0][:3], kernel(x, y, 8)[:3], strict=True):
        assert a == pytest.approx(b, rel=1e-12)
    assert precision_recall(x, y).recall.value == whole[1].recall.value


def test_precision_and_recall_by_hand():
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    made = torch.tensor([[0.5], [2.5], [30.0], [31.0]])
    # nearest neighbours: real 1, 1, 1, 8; generated 2, 2, 1, 1
    found = precision_recall(made, real, neighbours=1)
    assert (found.precision.value, found.recall.value) == (0.5, 0.75)


@pytest.mark.parametrize("measure", [frechet, kernel])
def test_intervals_hold_the_value_and_narrow_with_samples(measure):
    few, many = (measure(*_sets(n, n), resamples=60) for n in (30, 300))
    assert all(one.low < one.value < one.high for one in (few, many))
    assert many.high - many.low < few.high - few.low
    assert measure(*_sets(30, 30), resamples=60) == few


def test_too_few_samples_are_undefined():
    x, y = _sets(1, 5)
    assert math.isnan(frechet(x, y).value)
    assert math.isnan(kernel(x, y).value)
    assert math.isnan(precision_recall(x, y).recall.value)


@pytest.mark.parametrize("d", [6, 100])
def test_distances_are_those_of_torch_fidelity(d: int):
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    x, y = _sets(40, 40, d)
    theirs = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), False)
    theirs |= kid_features_to_metric(x, y, kid_subset_size=40, kid_subsets=1, verbose=False)
    theirs |= prc_features_to_metric(x, y, verbose=False)
    manifold = precision_recall(x, y)
    assert frechet(x, y).value == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    assert kernel(x, y).value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-5)
    assert manifold.precision.value == pytest.approx(theirs["precision"])
    assert manifold.recall.value == pytest.approx(theirs["recall"])
