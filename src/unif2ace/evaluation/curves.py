"""Curves of a run's logged values, from its ``metrics.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unif2ace.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curves(table: Path, losses: Sequence[str], path: Path) -> Path:
    """Draws losses over optimizer steps, a plot for each: training, its running mean, and validations as points.

    Args:
        table: ``metrics.csv`` of a run.
        losses: Names of losses, such as ``d3diff``; one that the table lacks is left out.
        path: PNG file to write.

    Returns:
        The file.

    Raises:
        DataError: If the table cannot be read or has none of the losses.
    """
    from matplotlib.figure import Figure

    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{table} cannot be read ({error.strerror}): train with logger=[csv]") from error
    found = {name: (_points(rows, f"train/{name}"), _points(rows, f"val/{name}")) for name in losses}
    found = {name: curves for name, curves in found.items() if any(curves)}
    if not found:
        raise DataError(
            f"{table} has no loss of {', '.join(losses)}: its columns are {', '.join(rows[0] if rows else ())}"
        )
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    several = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (name, curves) in zip(several, found.items(), strict=True):
        _draw(axes, name, *curves)
    figure.savefig(path, dpi=110)
    return path


Points = Sequence[tuple[int, float]]


def _points(rows: Sequence[Mapping[str, str]], column: str) -> Points:
    return [(int(row["step"]), float(row[column])) for row in rows if row.get(column)]


def _draw(axes: Axes, name: str, train: Points, validated: Points) -> None:
    if train:
        steps, values = zip(*train, strict=True)
        window = max(1, len(values) // 20)
        means = [sum(v) / len(v) for v in (values[max(0, n - window) : n + window + 1] for n in range(len(values)))]
        axes.plot(steps, values, color="#c9d6ea", linewidth=1)
        axes.plot(steps, means, color="#30507f", linewidth=1.8, label="training")
    if validated:
        axes.plot(*zip(*validated, strict=True), "o", color="#b23030", markersize=5, label="validation")
    axes.set_title(name, fontsize=10)
    axes.set_xlabel("step", fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
