"""Gathers the values of a table's cells: values per seed, means with standard errors, and paired differences."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unif2ace.comparing.run import ComparedRun, read_runs
from unif2ace.comparing.statistics import Difference, Summary, differ, summarize
from unif2ace.comparing.unlike import refuse_unlike
from unif2ace.tables.definition import Row, TableCell, TableDefinition
from unif2ace.tables.matching import Work
from unif2ace.tables.running import CellState

FORMAT = 1
"""Format version of ``table.json``."""


@dataclass(frozen=True, slots=True)
class CellResult:
    """A cell, its state and its values.

    Attributes:
        cell: The cell.
        state: State of the cell.
        commands: Commands of the cell.
        run: The run or evaluation in the cell's folder; None unless the cell is done.
    """

    cell: TableCell
    state: CellState
    commands: Sequence[Sequence[str]]
    run: ComparedRun | None = None

    def value(self, name: str) -> float | None:
        """The score, logged value or derived value with this name; None if the cell lacks it."""
        if self.run is None:
            return None
        if name in DERIVED:
            return DERIVED[name](self)
        return self.run.scores.get(name, self.run.last.get(name))


@dataclass(frozen=True, slots=True)
class RowResult:
    """A row with its cells and statistics.

    Attributes:
        row: The row.
        work: FLOPs per step and parameters; None for rows that are not trained.
        ratio: FLOPs per step relative to the baseline row; None if unknown.
        cells: The cells, ordered by seed.
        summary: Summary over seeds of each value, by name.
        differences: Difference of each value from the baseline row, by name; empty for the baseline row.
    """

    row: Row
    work: Work | None
    ratio: float | None
    cells: Sequence[CellResult]
    summary: Mapping[str, Summary]
    differences: Mapping[str, Difference] = field(default_factory=dict)


def _score_share(result: CellResult) -> float | None:
    """Ratio of the weighted score term to the weighted mask term at the last validation; None if one is missing."""
    assert result.run is not None
    last, weight = result.run.last, float(result.run.config.get("loss.d3diff.mask_weight") or 0)
    whole, mask = last.get("val/d3diff"), last.get("val/d3diff/mask")
    if not weight or whole is None or not mask:
        return None
    return whole / (weight * mask) - 1


def _decided(result: CellResult) -> float | None:
    """Share of (layer, sequence-level expert) pairs whose expert is chosen by under 5 % or over 95 % of the images."""
    file = newest_experts(result.cell.run)
    if file is None:
        return None
    panels = json.loads(file.read_text(encoding="utf-8"))["panels"]
    shares = [x for panel in panels if panel["level"] == "sequence" for layer in panel["frequency"] for x in layer]
    return sum(x < 0.05 or x > 0.95 for x in shares) / len(shares) if shares else None


DERIVED: dict[str, Callable[[CellResult], float | None]] = {"score_share": _score_share, "decided": _decided}
"""Values that are computed from the logs and files of a run."""


def newest_experts(run: Path) -> Path | None:
    """The last file of expert activations in a run folder; None if there is none."""
    return max((run / "experts").glob("*.json"), default=None)


def read_cell(cell: TableCell, state: CellState, commands: Sequence[Sequence[str]]) -> CellResult:
    """Reads a cell's values.

    Args:
        cell: The cell.
        state: State of the cell.
        commands: Commands of the cell.

    Raises:
        DataError: If a file is damaged.
    """
    folder = cell.folder if commands else cell.run  # weights that are not evaluated: what their run has logged
    run = read_runs([folder])[0] if state.status == "done" else None
    return CellResult(cell, state, commands, run)


def gather(table: TableDefinition, cells: Sequence[CellResult], works: Mapping[str, Work]) -> list[RowResult]:
    """Computes the statistics of all rows.

    Args:
        table: The table.
        cells: Cells of the table.
        works: FLOPs and parameters of each trained row, by name of the row.

    Raises:
        ConfigError: If two cells were evaluated with different options or data.
    """
    refuse_unlike([result.run for result in cells if result.run is not None])
    names = [value.name for value in table.values]
    by_row = {row.name: [result for result in cells if result.cell.row.name == row.name] for row in table.rows}
    base, reference = by_row.get(table.baseline, []), works.get(table.baseline)
    rows = []
    for row in table.rows:
        own, work = by_row[row.name], works.get(row.name)
        summaries = {name: summarize(_by_seed(own, name), _replicates(own, name)) for name in names}
        apart = {} if row.name == table.baseline else {name: _apart(base, own, name) for name in names}
        ratio = work.flops / reference.flops if work and reference else None
        found = {name: summary for name, summary in summaries.items() if summary}
        rows.append(RowResult(row, work, ratio, own, found, {n: d for n, d in apart.items() if d}))
    return rows


def _by_seed(cells: Sequence[CellResult], name: str) -> dict[int, float]:
    found = {result.cell.seed: result.value(name) for result in cells}
    return {seed: value for seed, value in found.items() if value is not None}


def _replicates(cells: Sequence[CellResult], name: str) -> dict[int, Sequence[float | None]]:
    return {result.cell.seed: result.run.replicates.get(name, ()) for result in cells if result.run is not None}


def _apart(first: Sequence[CellResult], other: Sequence[CellResult], name: str) -> Difference | None:
    return differ(_by_seed(first, name), _by_seed(other, name), _replicates(first, name), _replicates(other, name))


def as_json(table: TableDefinition, rows: Sequence[RowResult], experts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The content of ``table.json``, without the command, the code version and the date.

    Args:
        table: The table.
        rows: Rows of the table.
        experts: Row, seed and files of each cell's expert activations.
    """
    paper = table.paper
    return {
        "format": FORMAT,
        "table": table.name,
        "title": table.title,
        "size": table.size.name,
        "note": table.size.note,
        "baseline": table.baseline or None,
        "values": [asdict(value) for value in table.values],
        "rows": [_row(table, row) for row in rows],
        "paper": {
            "values": [asdict(value) for value in paper.values],
            "note": paper.note,
            "rows": [{"title": title, "values": dict(numbers)} for title, numbers in paper.rows],
        },
        "experts": list(experts),
        "failed": failures(rows),
    }


def failures(rows: Sequence[RowResult]) -> list[str]:
    """One line for each failed cell, with its error."""
    cells = [result for row in rows for result in row.cells]
    return [f"{r.cell.title}: {r.state.error}" for r in cells if r.state.status == "failed"]


def _row(table: TableDefinition, result: RowResult) -> dict[str, Any]:
    work, names = result.work, [value.name for value in table.values]
    return {
        "name": result.row.name,
        "title": result.row.title,
        "kind": result.row.kind,
        "overrides": [*result.row.overrides],
        "work": {"flops": work.flops, "ratio": result.ratio, "set": work.width} if work else None,
        "parameters": {"total": work.total, "active": work.active} if work else None,
        "cells": [
            {
                "seed": one.cell.seed,
                "folder": one.cell.folder.relative_to(table.out).as_posix(),
                "status": one.state.status,
                "error": one.state.error or None,
                "seconds": one.state.seconds,
                "cpu_seconds": one.state.cpu_seconds,
                "commands": [shown(line) for line in one.commands],
                "values": {name: one.value(name) for name in names} if one.run is not None else {},
            }
            for one in result.cells
        ],
        "summary": {name: asdict(summary) for name, summary in result.summary.items()},
        "differences": {name: asdict(difference) for name, difference in result.differences.items()},
        "paper": dict(result.row.paper),
    }


def shown(line: Sequence[str]) -> str:
    """A command, quoted for a shell."""
    return shlex.join(line)
