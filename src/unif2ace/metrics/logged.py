"""Looks up the logged metric that a configuration key names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unif2ace.errors import ConfigError, nearest

_SHOWN = 8


class MetricError(ConfigError):
    """A key names a metric that the run does not log, so all other runs of a sweep would fail too."""


def logged(key: str, name: str, metrics: Mapping[str, Any]) -> float:
    """The last value of a metric.

    Args:
        key: The configuration key that names the metric, for the message.
        name: Name of the metric, such as ``val/loss``.
        metrics: Last value of every logged quantity.

    Raises:
        MetricError: If the run has not logged it.
    """
    if name not in metrics:
        raise MetricError(f"{key}={name}: the run does not log this metric{_near(name, sorted(metrics))}")
    return float(metrics[name])


def at_validation(key: str, name: str, metrics: Mapping[str, Any]) -> float | None:
    """The last value of a metric at the end of a validation; None for a training metric before any training step.

    A resumed run may validate before its first training step, when training metrics have no value.

    Args:
        key: The configuration key that names the metric, for the message.
        name: Name of the metric.
        metrics: Last value of every logged quantity.

    Raises:
        MetricError: If the run has not logged it.
    """
    untrained = name.startswith("train/") and not any(other.startswith("train/") for other in metrics)
    return None if untrained else logged(key, name, metrics)


def _near(name: str, known: Sequence[str]) -> str:
    if close := nearest(name, known):
        return close
    last = name.rpartition("/")[2]
    like = [other for other in known if last in other] or [o for o in known if o.startswith("val/")] or list(known)
    more = f", and {len(like) - _SHOWN} more" if len(like) > _SHOWN else ""
    return f"; it logs {', '.join(like[:_SHOWN])}{more}" if like else "; it logs nothing without a validation"
