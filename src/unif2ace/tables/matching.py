"""FLOPs per training step of rows, and the widths that make the FLOPs of two rows equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unif2ace.engine.compose import compose
from unif2ace.errors import ConfigError
from unif2ace.tables.definition import Row, last_of_each

TOLERANCE = 0.02
"""Largest accepted relative difference between the FLOPs of two rows."""
MULTIPLE = 4
"""Matched widths are multiples of this number."""


@dataclass(frozen=True, slots=True)
class Work:
    """FLOPs and parameters of a training.

    Attributes:
        flops: FLOPs of the forward and backward pass per step, over all ranks, without frozen networks.
        total: Number of parameters.
        active: Number of parameters that a token uses.
        width: Override that sets the width to match another row's FLOPs, such as ``moe.shared_ffn_dim=128``; empty if
            no width is matched.
    """

    flops: int
    total: int
    active: int
    width: str = ""


def plan_work(overrides: Sequence[str]) -> Work:
    """Counts the FLOPs and parameters of a training like `unif2ace-train --plan`.

    Args:
        overrides: Overrides of `unif2ace-train`.

    Raises:
        ConfigError: If the configuration cannot be built.
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
    """FLOPs and parameters of a row, with its width adjusted if `Row.match` is set.

    The FLOPs are linear in a width. Two plans therefore give the width, and a third plan checks it.

    Args:
        row: The row.
        shared: Overrides of every training of the table.
        target: Returns the `Work` of the row to match; called only if `Row.match` is set.
        plan: Returns the `Work` for a list of overrides.

    Raises:
        ConfigError: If no width matches the FLOPs within 2 %.
    """
    overrides = last_of_each(shared, row.overrides)
    if row.match is None:
        return plan(overrides)
    key, goal = row.match.key, target().flops
    low, high = 64, 1024
    at_low, at_high = (plan([*overrides, f"{key}={width}"]).flops for width in (low, high))
    if at_low == at_high:
        raise ConfigError(
            f"table.rows.{row.name}.match.key={key}: the FLOPs per step do not depend on this key; give another key"
        )
    exact = low + (goal - at_low) * (high - low) / (at_high - at_low)
    width = max(MULTIPLE, MULTIPLE * round(exact / MULTIPLE))
    found = plan([*overrides, f"{key}={width}"])
    if abs(found.flops / goal - 1) > TOLERANCE:
        raise ConfigError(
            f"table.rows.{row.name}.match.key={key}: {key}={width} gives {found.flops / goal:.3f} of the FLOPs of row "
            f"{row.match.to}; give another key"
        )
    return Work(found.flops, found.total, found.active, f"{key}={width}")
