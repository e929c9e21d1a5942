"""A run returns the optimized metric as a number, or an error that says what it logs."""

from __future__ import annotations

import math
from typing import Any

import pytest
from omegaconf import OmegaConf

from unif2ace.engine.objective import objective
from unif2ace.errors import Unif2aceError

METRICS = {"train/loss": 3.0, "val/loss": 1.5, "val/psnr": 20.0, "val/nan": math.nan, "val/none": None}


@pytest.mark.parametrize(
    ("asked", "result"), [("val/loss", 1.5), (["val/psnr", "val/loss"], [20.0, 1.5]), (["val/loss"], [1.5])]
)
def test_the_optimized_metric_is_returned(asked: Any, result: Any):
    assert objective(OmegaConf.create({"optimized_metric": asked}), METRICS) == result


def test_without_one_all_metrics_are_returned():
    found = objective(OmegaConf.create({"optimized_metric": None}), METRICS)
    assert isinstance(found, dict)
    assert found.keys() == METRICS.keys()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("val/los", "the run does not log this metric (did you mean 'val/loss'?"),
        ("metric/psnr", "the run does not log this metric; it logs val/psnr"),
        ("accuracy", "it logs val/loss, val/nan, val/none, val/psnr"),
        ("val/nan", "optimized_metric=val/nan is nan at the end of the run"),
        ("val/none", "optimized_metric=val/none is nan"),
    ],
)
def test_a_metric_that_cannot_be_ranked_is_an_error(asked: str, message: str):
    with pytest.raises(Unif2aceError) as caught:
        objective(OmegaConf.create({"optimized_metric": asked}), METRICS)
    assert message in str(caught.value)
