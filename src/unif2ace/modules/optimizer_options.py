"""Restores the configured optimiser options, such as the learning rate, after a checkpoint is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch.optim import Optimizer

CYCLED = ("momentum", "betas")
"""Options that `OneCycleLR` sets at every step."""


def options_of(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Options of each parameter group, without the parameters; call this function before loading a state."""
    return [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]


def restore_options(optimizer: Optimizer, configured: Sequence[dict[str, Any]], schedules: Iterable[Any]) -> None:
    """Restores the configured options, because a loaded state has overwritten them with those of an earlier run.

    The learning rate keeps its position on the schedule and its ratio to the configured rate. Unchanged options keep
    their exact value.

    Args:
        optimizer: Optimiser with a loaded state.
        configured: Result of `options_of`.
        schedules: The optimiser's learning-rate schedules, with loaded states.
    """
    for group, options in zip(optimizer.param_groups, configured, strict=True):
        cycled = CYCLED if "max_momentum" in group else ()
        scheduled = "initial_lr" in options and "initial_lr" in group
        if scheduled and group["initial_lr"] != options["initial_lr"]:
            group["lr"] *= options["initial_lr"] / group["initial_lr"]
        kept = (*cycled, "lr") if scheduled else cycled
        group.update({key: value for key, value in options.items() if key not in kept})
    for schedule in schedules:
        if hasattr(schedule, "base_lrs"):
            schedule.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
