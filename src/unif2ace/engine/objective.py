"""The return value of a training run: all metrics, or the last value of ``optimized_metric``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from unif2ace.errors import Unif2aceError
from unif2ace.metrics.logged import logged

Objective = dict[str, float] | float | list[float]
"""All metrics by name, the value of the optimized metric, or a list of values of the optimized metrics."""


def optimized_names(config: DictConfig) -> list[str]:
    """Names in `optimized_metric`; an empty list if it is null."""
    asked = config.get("optimized_metric")
    return [] if asked is None else [asked] if isinstance(asked, str) else [str(name) for name in asked]


def objective(config: DictConfig, metrics: Mapping[str, Any]) -> Objective:
    """The return value of a run, which a sweeper reads.

    Args:
        config: Configuration of the run.
        metrics: Last value of each logged metric.

    Raises:
        MetricError: If an optimized metric was not logged.
        Unif2aceError: If an optimized metric is NaN or infinite.
    """
    values = {name: math.nan if value is None else float(value) for name, value in metrics.items()}
    names = optimized_names(config)
    if not names:
        return values
    found = [_value(name, values) for name in names]
    return found[0] if isinstance(config.optimized_metric, str) else found


def _value(name: str, metrics: Mapping[str, float]) -> float:
    value = logged("optimized_metric", name, metrics)
    if not math.isfinite(value):
        raise Unif2aceError(f"optimized_metric={name} is {value} at the end of the run, so the run cannot be ranked")
    return value
