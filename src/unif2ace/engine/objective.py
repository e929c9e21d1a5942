"""What a training run returns: all metrics, or the last value of ``optimized_metric``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from unif2ace.errors import Unif2aceError
from unif2ace.metrics.logged import logged

Objective = dict[str, float] | float | list[float]
"""All metrics by name; the optimized one; or the optimized ones in their order."""


def optimized_names(config: DictConfig) -> list[str]:
    """Names of the optimized metrics; none if `optimized_metric` is null."""
    asked = config.get("optimized_metric")
    return [] if asked is None else [asked] if isinstance(asked, str) else [str(name) for name in asked]


def objective(config: DictConfig, metrics: Mapping[str, Any]) -> Objective:
    """The result of a run for its caller or a sweeper.

    Args:
        config: Configuration of the run.
        metrics: Last value of every logged quantity.

    Raises:
        MetricError: If an optimized metric was not logged.
        Unif2aceError: If its value is NaN or infinite.
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
        raise Unif2aceError(f"optimized_metric={name} is {value} at the end of the run, which cannot be ranked")
    return value
