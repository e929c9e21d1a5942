"""A CSV logger that continues its table in a resumed run."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger as LightningCSVLogger
from lightning.pytorch.utilities import rank_zero_only


class CSVLogger(LightningCSVLogger):
    """Lightning's CSV logger, extended to continue the table of a resumed run.

    At the first logged step, the rows of this and later steps are removed from an existing table, so that no step
    occurs twice. A run that starts at step 0 has only its own rows.
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
        """Logs the metrics of a step. The first call removes the rows of this and later steps."""
        writer = self.experiment
        if step is not None and not getattr(writer, "is_cut", False):
            writer.is_cut = True
            _cut(self._table, step)
        super().log_metrics(dict(metrics), step)

    @property
    def _table(self) -> Path:
        return Path(self.log_dir) / "metrics.csv"


def _read(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    with table.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return list(rows.fieldnames or []), list(rows)


def _cut(table: Path, step: int) -> None:
    """Removes the rows from a step on, and an incomplete row that a killed process left."""
    if not table.is_file():
        return
    names, rows = _read(table)
    kept = [r for r in rows if (r.get("step") or "").isdigit() and None not in r.values() and int(r["step"]) < step]
    part = table.with_suffix(".csv.before")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(kept)
    os.replace(part, table)
