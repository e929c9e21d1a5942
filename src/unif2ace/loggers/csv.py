"""A CSV logger that continues its table in a resumed run."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger as LightningCSVLogger
from lightning.pytorch.utilities import rank_zero_only


class CSVLogger(LightningCSVLogger):
    """Lightning's CSV logger, extended to continue the table of a resumed run.

    The first logged values of a run replace the values of the same names and step in an existing table, and all rows
    after them, so that no value occurs twice. A run that starts at step 0 has only its own rows.
    """

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """Lightning's writer of the table."""
        if self._experiment is None:
            table, aside = self._table, self._table.with_suffix(".csv.before")
            if table.is_file():
                os.replace(table, aside)  # otherwise Lightning removes it
            made = LightningCSVLogger.experiment.fget(self)  # type: ignore[attr-defined]
            if aside.is_file():
                os.replace(aside, table)
                made.metrics_keys = _read(table)[0]
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Logs the metrics of a step. The first call removes the rows that the run writes again."""
        writer = self.experiment
        if step is not None and not getattr(writer, "is_cut", False):
            writer.is_cut = True
            _cut(self._table, step, metrics.keys() - {"epoch"})
        super().log_metrics(dict(metrics), step)

    @property
    def _table(self) -> Path:
        return Path(self.log_dir) / "metrics.csv"


def _read(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    with table.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return list(rows.fieldnames or []), list(rows)


def _cut(table: Path, step: int, names: AbstractSet[str]) -> None:
    """Removes the first row that the resumed run writes again, all rows after it, and incomplete rows.

    Args:
        table: The CSV file.
        step: Step of the first values that the run logs.
        names: Names of these values. A row of the same step without any of them stays: a run that a kill stopped
            before a validation resumes with this validation, which has the step of the last training row.
    """
    if not table.is_file():
        return
    columns, rows = _read(table)
    rows = [r for r in rows if (r.get("step") or "").isdigit() and None not in r.values()]
    first = len(rows)
    for number, row in enumerate(rows):
        at = int(row["step"])
        if at > step or (at == step and any(map(row.get, names))):
            first = number
            break
    part = table.with_suffix(".csv.before")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows[:first])
    os.replace(part, table)
