"""The table of a sweep, printed and written as csv: one row per job or trial."""

from __future__ import annotations

import csv
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from unif2ace.comparing.comparison import seed_table
from unif2ace.comparing.run import read_values
from unif2ace.comparing.table import TextTable
from unif2ace.engine.sweep_jobs import shown as shown_overrides
from unif2ace.errors import Unif2aceError

TABLE = "sweep.csv"
"""File in the folder of a sweep. Columns: `trial`, `status`, `run_dir`, `overrides`, `cause`, each varied key, each
metric."""
FAILED = "failed_jobs.txt"
"""File in the folder of a sweep that lists the failed jobs, one per line."""
_WIDEST = 40


@dataclass(frozen=True, slots=True)
class SweepRow:
    """A job of a sweep.

    Attributes:
        number: Number of the job, from 0; None if its configuration could not be composed.
        status: ``done``, ``pruned``, ``failed`` or ``running``.
        overrides: All overrides of the job.
        varied: Keys whose values differ between jobs.
        folder: Folder that the job wrote to.
        metrics: Last value of each metric.
        cause: First line of the error of a failed job.
        repeated: Whether the job was interrupted and another trial repeats its settings.
    """

    number: int | None
    status: str
    overrides: Sequence[str]
    varied: Sequence[str]
    folder: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    cause: str = ""
    repeated: bool = False

    @property
    def values(self) -> dict[str, str]:
        """The job's values of the keys in `varied`."""
        found = {key: value for key, _, value in (o.partition("=") for o in self.overrides)}
        return {key: found.get(key, "") for key in self.varied}

    @property
    def shown(self) -> str:
        """The overrides of the keys in `varied`; all overrides if `varied` is empty."""
        return " ".join(f"{key}={value}" for key, value in self.values.items()) or shown_overrides(self.overrides)


def varied_keys(jobs: Sequence[Sequence[str]]) -> list[str]:
    """Keys whose values differ between jobs, in order of first appearance."""
    seen: dict[str, set[str]] = {}
    for job in jobs:
        for key, _, value in (override.partition("=") for override in job):
            seen.setdefault(key, set()).add(value)
    return [key for key, values in seen.items() if len(values) > 1]


def write_table(folder: Path, rows: Sequence[SweepRow], optimized: Sequence[str]) -> str:
    """Writes `TABLE` atomically, and returns the table to print.

    Args:
        folder: Folder of the sweep.
        rows: Rows of the table.
        optimized: Metrics that the returned text shows; if empty, `val/loss` if it was logged.

    Returns:
        The table as text.
    """
    varied = list(dict.fromkeys(key for row in rows for key in row.varied))
    metrics = sorted({name for row in rows for name in row.metrics})
    partial = folder / f".{TABLE}.{os.getpid()}"
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "status", "run_dir", "overrides", "cause", *varied, *metrics])
        for row in rows:
            numbers = [row.metrics.get(name, "") for name in metrics]
            cells = [_number(row), row.status, row.folder, shlex.join(row.overrides), row.cause]
            writer.writerow([*cells, *(row.values.get(key, "") for key in varied), *numbers])
    partial.replace(folder / TABLE)
    names = list(optimized) or [name for name in ("val/loss",) if name in metrics]
    best = [read_values(Path(row.folder) / "metrics.csv")[1] if row.folder else {} for row in rows]
    shown = [name for name in names if any(name in found for found in best)]
    head = ["trial", *varied, "status", *names, *(f"best {name}" for name in shown)]
    body = [
        [_number(row), *map(_short, row.values.values()), row.status, *(_value(row, name) for name in names)]
        + [f"{found[name][0]:.6g}" if name in found else "" for name in shown]
        for row, found in zip(rows, best, strict=True)
    ]
    if any(row.cause for row in rows):
        head, body = [*head, "cause"], [[*line, row.cause[:_WIDEST]] for line, row in zip(body, rows, strict=True)]
    parts = [TextTable(head, body).text(), *_over_seeds(rows, names)]
    return "\n".join([*parts, f"all metrics and run folders: {folder / TABLE}, or run `unif2ace-compare {folder}`", ""])


def _over_seeds(rows: Sequence[SweepRow], names: Sequence[str]) -> list[str]:
    """Mean and standard error of each setting over its seeds; an empty list if no setting has several seeds."""
    done = [row for row in rows if row.status == "done" and not row.repeated]
    values = [{name: row.metrics[name] for name in names if name in row.metrics} for row in done]
    text = seed_table([row.values for row in done], values)
    return ["", text, ""] if text else []


def fail_if_any(folder: Path, rows: Sequence[SweepRow]) -> None:
    """Writes `FAILED` and raises an error if a job failed. Interrupted jobs that another job repeats do not count.

    Raises:
        Unif2aceError: If a job failed.
    """
    failed = [row for row in rows if row.status == "failed" and not row.repeated]
    if not failed:
        (folder / FAILED).unlink(missing_ok=True)
        return
    text = "\n".join(f"{_number(row)} {row.shown}: {row.cause}" for row in failed)
    (folder / FAILED).write_text(text + "\n", encoding="utf-8")
    counted = sum(not row.repeated for row in rows)
    raise Unif2aceError(f"{len(failed)} of {counted} jobs failed, listed in {folder / FAILED}:\n{text}")


def _number(row: SweepRow) -> str:
    return "-" if row.number is None else str(row.number)


def _value(row: SweepRow, name: str) -> str:
    return f"{row.metrics[name]:.6g}" if name in row.metrics else ""


def _short(text: str) -> str:
    """Shortens a value for the printed table: numbers to 6 digits, texts to 40 characters."""
    if any(mark in text for mark in ".e"):
        with suppress(ValueError):
            return f"{float(text):.6g}"
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
