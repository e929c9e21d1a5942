"""What a training run returns: all metrics, or the last value of ``optimized_metric``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from unif2ace.errors import ConfigError, Unif2aceError, nearest

Objective = dict[str, float] | float | list[float]
"""All metrics by name; the optimized one; or the optimized ones in their order."""
_SHOWN = 8


class MetricError(ConfigError):
    """``optimized_metric`` names a metric that the run does not log: every other trial would fail in the same way."""


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
    if name not in metrics:
        raise MetricError(f"optimized_metric={name}: the run does not log it{_near(name, sorted(metrics))}")
    if not math.isfinite(metrics[name]):
        raise Unif2aceError(f"optimized_metric={name} is {metrics[name]} at the end of the run, which cannot be ranked")
    return metrics[name]


def _near(name: str, known: Sequence[str]) -> str:
    if close := nearest(name, known):
        return close
    last = name.rpartition("/")[2]
    like = [other for other in known if last in other] or [o for o in known if o.startswith("val/")] or list(known)
    more = f", and {len(like) - _SHOWN} more" if len(like) > _SHOWN else ""
    return f"; it logs {', '.join(like[:_SHOWN])}{more}" if like else "; it logs nothing, as without a validation"
