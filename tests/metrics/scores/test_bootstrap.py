"""The interval covers as often as it says, is the same for the same seed, and counts samples, not rows."""

from __future__ import annotations

import math

import torch

from unif2ace.metrics.scores import Score, bootstrap


def _mean(sums):
    return sums[:, 0] / sums[:, 1]


def test_it_covers_the_true_mean_in_about_95_of_100_tries():
    draw = torch.Generator().manual_seed(0)
    covered = 0
    for number in range(200):
        x = torch.rand(60, 1, generator=draw)
        one = bootstrap(torch.cat([x, torch.ones_like(x)], 1), _mean, 300, seed=number)
        covered += one.low <= 0.5 <= one.high
    assert 178 <= covered <= 199


def test_the_same_seed_gives_the_same_interval():
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
    assert bootstrap(x, _mean, 100, seed=3) == bootstrap(x, _mean, 100, seed=3)
    assert bootstrap(x, _mean, 100, seed=3) != bootstrap(x, _mean, 100, seed=4)


def test_the_value_is_the_statistic_itself_and_no_interval_is_needed():
    x = torch.tensor([[1.0, 2.0], [3.0, 2.0]])
    found = bootstrap(x, _mean, resamples=0)
    assert found.value == 1
    assert math.isnan(found.low)
    assert str(Score(0.5, 0.25, 0.75)) == "0.500 (0.250 to 0.750)"
