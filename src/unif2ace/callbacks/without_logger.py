"""Callbacks of a run that has no logger."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from lightning.pytorch import Callback
from lightning.pytorch.callbacks import DeviceStatsMonitor, LearningRateMonitor

log = logging.getLogger(__name__)

ONLY_LOG = (LearningRateMonitor, DeviceStatsMonitor)
"""Callbacks that write to loggers alone; Lightning refuses them without one."""


def without_logger(callbacks: Mapping[str, Callback]) -> dict[str, Callback]:
    """Leaves out the callbacks that only write to loggers.

    Args:
        callbacks: Callbacks by name; those that are left out are logged.
    """
    kept = {name: callback for name, callback in callbacks.items() if not isinstance(callback, ONLY_LOG)}
    if left := sorted(callbacks.keys() - kept.keys()):
        log.info(
            "there is no logger: the callbacks %s are left out, because they only write to loggers", ", ".join(left)
        )
    return kept
