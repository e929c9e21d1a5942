"""Use of the codebook in cases whose numbers are known."""

from __future__ import annotations

import math

import pytest
import torch
from picture_steps import picture_step, random_pictures

from unif2ace.errors import ConfigError
from unif2ace.metrics.codebook import CodebookMetric


def _step(ids: list[list[int]], num_codes: int = 8, valid: list[bool] | None = None):
    image = random_pictures(0, len(ids))
    return picture_step(image, image, valid, ids=torch.tensor(ids)[:, None, :], num_codes=num_codes)


def _of(*steps) -> dict[str, float]:
    metric = CodebookMetric()
    for step in steps:
        metric.update(step)
    return {key: value.item() for key, value in metric.compute().items()}


def test_all_codes_alike():
    assert _of(_step([[0, 1, 2, 3]]), _step([[4, 5, 6, 7]])) == pytest.approx(
        {"codebook_use": 1, "codebook_perplexity": 8, "codebook_dead": 0}
    )


def test_one_code():
    assert _of(_step([[5, 5], [5, 5]])) == pytest.approx(
        {"codebook_use": 1 / 8, "codebook_perplexity": 1, "codebook_dead": 7}
    )


def test_uneven_codes_over_several_updates():
    measured = _of(_step([[0, 0]]), _step([[0, 1]]))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert measured == pytest.approx(
        {"codebook_use": 2 / 8, "codebook_perplexity": math.exp(entropy), "codebook_dead": 6}
    )


def test_invalid_rows_are_left_out():
    assert _of(_step([[0, 1], [2, 3]], valid=[True, False])) == _of(_step([[0, 1]]))


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_nothing_seen_has_no_perplexity():
    assert math.isnan(_of()["codebook_perplexity"])
    assert math.isnan(_of(_step([[0]], valid=[False]))["codebook_perplexity"])


def test_a_reset_forgets_the_size_and_forward_gathers_too():
    metric = CodebookMetric()
    metric.update(_step([[0, 1]]))
    metric.reset()
    for _ in range(2):
        metric(_step([[0, 1]], num_codes=4))
    assert {k: v.item() for k, v in metric.compute().items()} == _of(_step([[0, 1]], num_codes=4))


@pytest.mark.parametrize("size", [0, 16])
def test_a_size_that_is_missing_or_changes_is_an_error(size: int):
    metric = CodebookMetric()
    metric.update(_step([[0, 1]]))
    with pytest.raises(ConfigError, match="num_codes"):
        metric.update(_step([[0, 1]], num_codes=size))
