"""Prints a plan as tables of at most 100 characters width."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unif2ace.planning.plan import Plan, Rank
from unif2ace.planning.tracing import Traced


def tables(plan: Plan) -> RenderableType:
    """The tables of a plan.

    Args:
        plan: Plan of a configuration.
    """
    first = plan.ranks[0]
    head = f"{plan.name}: {first.ranks} x {plan.device}, {first.strategy}, {plan.precision}, {plan.optimizer}"
    parts: list[RenderableType] = [Text(head, style="bold"), _parameters(plan), _memory(plan)]
    if plan.variants:
        parts.append(_variants(plan))
    parts += [_work(plan), *(Text(f"- {note}") for note in plan.notes)]
    return Group(*parts)


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _parameters(plan: Plan) -> Table:
    table = _table("\nParameters", ["total", "active per token" if plan.tokens else "active"])
    for name, part in sorted(plan.parameters.items(), key=lambda item: -item[1].total):
        table.add_row(name, f"{part.total:,}", f"{part.active:,}")
    table.add_row("all trained", f"{plan.total.total:,}", f"{plan.total.active:,}", style="bold")
    for name, count in plan.frozen.items():
        table.add_row(f"frozen: {name}", f"{count:,}", "")
    return table


def _memory(plan: Plan) -> Table:
    table = _table("\nMemory of one rank", [f"{rank.ranks} rank{'s' * (rank.ranks > 1)}" for rank in plan.ranks])

    def step(part: Callable[[Traced], int]) -> Callable[[Rank], int | None]:
        return lambda rank: None if rank.step is None else part(rank.step)

    table.add_row("rows in a micro-batch", *("-" if r.rows is None else str(r.rows) for r in plan.ranks))
    rows: list[tuple[str, Callable[[Rank], int | None]]] = [
        ("weights", lambda r: r.weights),
        ("gradients", lambda r: r.gradients),
        (f"optimiser ({plan.optimizer})", lambda r: r.optimizer),
        ("moving average", lambda r: r.average),
        ("frozen networks", lambda r: r.frozen),
        ("gathered by FSDP", lambda r: r.gathered),
        ("a micro-batch at its peak", step(lambda t: t.peak)),
        ("  kept by layers", step(lambda t: t.layers)),
        ("  kept by logits and losses", step(lambda t: t.logits)),
        ("  casts of weights", step(lambda t: t.casts)),
        ("total", lambda r: r.total),
    ]
    for name, value in rows:
        if any(value(rank) for rank in plan.ranks):
            table.add_row(name, *(size(value(rank)) for rank in plan.ranks), style="bold" if name == "total" else "")
    return table


def _variants(plan: Plan) -> Table:
    title = f"\nA micro-batch of one of {plan.ranks[0].ranks} ranks"
    table = _table(title, ["layers keep", "logits", "casts", "peak", "backward"])
    for name, t in plan.variants.items():
        table.add_row(name, size(t.layers), size(t.logits), size(t.casts), size(t.peak), work(t.backward))
    return table


def _work(plan: Plan) -> Table:
    every = plan.forward + plan.backward + plan.frozen_work
    table = _table("\nFLOPs on all ranks", ["a step", f"{plan.steps:,} steps"])
    if plan.tokens:
        table.add_row("tokens, with padding", f"{plan.tokens:,}", f"{plan.tokens * plan.steps:,}")
    table.add_row("micro-batches of each rank", str(plan.accumulate), "")
    table.add_row("forward", work(plan.forward), "")
    table.add_row("backward, as configured", work(plan.backward), "")
    if plan.frozen_work:
        table.add_row("frozen networks", work(plan.frozen_work), "")
    table.add_row("all", work(every), work(every * plan.steps), style="bold")
    return table


def size(count: int | None) -> str:
    """Bytes as readable text.

    Args:
        count: Number of bytes; None if unknown.
    """
    if count is None:
        return "-"
    return f"{count / 2**30:,.2f} GiB" if count >= 2**30 else f"{count / 2**20:,.1f} MiB"


def work(count: int) -> str:
    """Floating-point operations as readable text.

    Args:
        count: Number of operations.
    """
    for unit, name in ((1e18, "EFLOP"), (1e15, "PFLOP"), (1e12, "TFLOP")):
        if count >= unit:
            return f"{count / unit:,.2f} {name}"
    return f"{count / 1e9:,.2f} GFLOP"
