"""Work per step of rows, and the widths with which rows meet each other's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unif2ace.engine.compose import compose
from unif2ace.errors import ConfigError
from unif2ace.tables.definition import Row, last_of_each

TOLERANCE = 0.02
"""The largest accepted difference of the work of two rows, relative."""
MULTIPLE = 4
"""Widths are multiples of it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a training step takes.

    Attributes:
        flops: Floating-point operations of the forward and the backward pass, without frozen networks.
        total: Number of parameters.
        active: Number of parameters that a token uses.
        width: Override of the width that was set to meet another row's work; empty for none.
    """

    flops: int
    total: int
    active: int
    width: str = ""


def plan_work(overrides: Sequence[str]) -> Work:
    """Work and parameters of a training, as `unif2ace-train --plan` counts them.

    Args:
        overrides: Overrides of `unif2ace-train`.

    Raises:
        ConfigError: If it cannot be built.
    """
    from unif2ace.planning.parameters import weights_of
    from unif2ace.planning.sharding import layout
    from unif2ace.planning.subject import subject
    from unif2ace.planning.tracing import trace

    config = compose("train", overrides)
    found, where = subject(config), layout(config)
    step = trace(found, where.data, where.tensor)
    weights = weights_of(found.module)
    everywhere = int(config.trainer.accumulate_grad_batches) * where.ranks
    return Work(
        (step.forward + step.backward) * everywhere, sum(w.numel for w in weights), sum(w.active for w in weights)
    )


def row_work(
    row: Row,
    shared: Sequence[str],
    target: Callable[[], Work],
    plan: Callable[[Sequence[str]], Work] = plan_work,
) -> Work:
    """The work of a row, with its width set if it is to meet another row's.

    The work is linear in a width, so two plans give the width, and a third checks it.

    Args:
        row: The row.
        shared: Overrides of every training of the table.
        target: Gives the work of the row that is met; called only if it is needed.
        plan: Gives the work of overrides.

    Raises:
        ConfigError: If no width meets the work within 2 %.
    """
    overrides = last_of_each(shared, row.overrides)
    if row.match is None:
        return plan(overrides)
    key, goal = row.match.key, target().flops
    low, high = 64, 1024
    at_low, at_high = (plan([*overrides, f"{key}={width}"]).flops for width in (low, high))
    if at_low == at_high:
        raise ConfigError(f"table.rows.{row.name}.match.key={key}: the work does not depend on it")
    exact = low + (goal - at_low) * (high - low) / (at_high - at_low)
    width = max(MULTIPLE, MULTIPLE * round(exact / MULTIPLE))
    found = plan([*overrides, f"{key}={width}"])
    if abs(found.flops / goal - 1) > TOLERANCE:
        raise ConfigError(
            f"table.rows.{row.name}.match: {key}={width} gives {found.flops / goal:.3f} of the work of "
            f"{row.match.to}; match another key"
        )
    return Work(found.flops, found.total, found.active, f"{key}={width}")
