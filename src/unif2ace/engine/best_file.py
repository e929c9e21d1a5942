"""The file of a run's best weights."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from unif2ace.engine.run_metadata import RunMetadata
from unif2ace.engine.weights import BEST_FILE, read_header
from unif2ace.errors import DataError

if TYPE_CHECKING:
    import lightning.pytorch as pl

log = logging.getLogger(__name__)
ENTRY = "monitor"
"""Key of the file's header for the name, mode and value of the monitored metric."""


class BestFile:
    """Reads and writes ``best.safetensors`` in a run's folder, for `callbacks.best_weights`.

    Args:
        record: Metadata of the run.

    Attributes:
        path: Path of ``best.safetensors``.
    """

    def __init__(self, record: RunMetadata) -> None:
        self._record = record
        self.path: Path = record.folder / BEST_FILE

    def begin(self, criterion: Mapping[str, str], resumes: bool) -> float | None:
        """Returns the metric of the best weights so far. A new run first deletes the file of an earlier run.

        Args:
            criterion: ``name`` and ``mode`` (min or max) of the monitored metric.
            resumes: Whether the run continues from a checkpoint.

        Returns:
            The metric; None if there is no file, or it is the best by another metric.
        """
        if not self.path.is_file():
            return None
        if not resumes:
            self.path.unlink()
            return None
        try:
            entry = dict(read_header(self.path)[ENTRY])
            value = float(entry.pop("value"))
        except (DataError, KeyError, TypeError, ValueError) as error:
            log.warning("%s does not record its metric (%s): the next validation overwrites the file", self.path, error)
            return None
        if entry != dict(criterion):
            other = entry.get("name")
            log.warning("%s is the best by another metric, %s: the next validation overwrites it", self.path, other)
            return None
        return value

    def write(
        self, trainer: pl.Trainer, module: pl.LightningModule, criterion: Mapping[str, str], value: float
    ) -> Path | None:
        """Writes the weights of the module atomically. All ranks must call it; rank 0 writes.

        Args:
            trainer: Trainer of the run.
            module: The module whose weights are written.
            criterion: ``name`` and ``mode`` (min or max) of the monitored metric.
            value: Value of the monitored metric.

        Returns:
            As `RunMetadata.write`.
        """
        return self._record.write(trainer, module, BEST_FILE, {ENTRY: {**criterion, "value": value}})
