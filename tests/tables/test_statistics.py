"""Means, standard errors and paired differences against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unif2ace.comparing.statistics import differ, interval, mean_and_error, summarize


def test_the_standard_error_is_that_of_the_mean():
    mean, error = mean_and_error([1.0, 2.0, 4.0])
    assert mean == pytest.approx(7 / 3)
    assert error == pytest.approx(math.sqrt(((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2) / 2 / 3))
    assert mean_and_error([3.0]) == (3.0, None)


def test_differences_are_paired_by_seed_and_their_error_leaves_out_what_seeds_share():
    shared = {0: 0.1, 1: 0.5, 2: 0.9}
    first, other = shared, {seed: value + 0.02 + 0.001 * seed for seed, value in shared.items()} | {7: 9.0}
    found = differ(first, other, {}, {})
    assert found is not None
    assert found.seeds == (0, 1, 2)
    assert found.by_seed == pytest.approx((0.02, 0.021, 0.022))
    assert found.mean == pytest.approx(0.021)
    assert found.error == pytest.approx(0.001 / math.sqrt(3))  # the values themselves differ by 0.4
    assert found.interval is None
    assert differ({0: 1.0}, {1: 1.0}, {}, {}) is None


def test_the_interval_of_a_difference_is_of_paired_replicates_averaged_over_seeds():
    draw = np.random.default_rng(0)
    noise = draw.normal(size=4000)  # what both settings and both seeds share: the resampled faces
    one = {seed: noise + seed for seed in (0, 1)}
    apart = {seed: draw.normal(0.3, 0.02, 4000) for seed in (0, 1)}
    two = {seed: one[seed] + apart[seed] for seed in (0, 1)}
    found = differ({0: 0.0, 1: 1.0}, {0: 0.3, 1: 1.3}, one, two)
    assert found is not None
    assert found.interval == pytest.approx(
        (0.3 - 1.96 * 0.02 / math.sqrt(2), 0.3 + 1.96 * 0.02 / math.sqrt(2)), abs=2e-3
    )
    unlike = differ({0: 0.0}, {0: 0.3}, {0: [1.0, 2.0]}, {0: [1.0]})
    assert unlike is not None
    assert unlike.interval is None


def test_a_summary_needs_the_replicates_of_all_seeds():
    whole = summarize({0: 1.0, 1: 3.0}, {0: [0.0, 2.0], 1: [2.0, 4.0]})
    assert whole is not None
    assert (whole.n, whole.mean, whole.error) == (2, 2.0, 1.0)
    assert whole.interval == pytest.approx((1.05, 2.95))
    part = summarize({0: 1.0, 1: 3.0}, {0: [0.0, 2.0]})
    assert part is not None
    assert part.interval is None
    assert summarize({}, {}) is None


def test_replicates_that_are_not_finite_are_left_out():
    assert interval([1.0, float("nan"), 1.0]) == (1.0, 1.0)
    assert interval([float("nan")]) is None
