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
"""Entry of the file's header: name, mode and value of the monitored metric."""


class BestFile:
    """``best.safetensors`` in a run's folder, as `callbacks.best_weights` uses it.

    Args:
        record: Metadata of the run.

    Attributes:
        path: The file.
    """

    def __init__(self, record: RunMetadata) -> None:
        self._record = record
        self.path: Path = record.folder / BEST_FILE

    def begin(self, criterion: Mapping[str, str], resumes: bool) -> float | None:
        """The value of the weights that the run has kept so far; a new run removes those of an earlier one.

        Args:
            criterion: Name and mode of the monitored metric.
            resumes: Whether the run continues from a checkpoint.

        Returns:
            None if there are no weights, or they are the best of another metric.
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
            log.warning("%s is the best of an unknown metric (%s): the next validation replaces it", self.path, error)
            return None
        if entry != dict(criterion):
            log.warning("%s is the best of %s: the next validation replaces it", self.path, entry.get("name"))
            return None
        return value

    def write(
        self, trainer: pl.Trainer, module: pl.LightningModule, criterion: Mapping[str, str], value: float
    ) -> Path | None:
        """Writes the weights of the module atomically; all ranks call it, and the first one writes.

        Args:
            trainer: Trainer of the run.
            module: Holds the weights.
            criterion: Name and mode of the monitored metric.
            value: Its value.
        """
        return self._record.write(trainer, module, BEST_FILE, {ENTRY: {**criterion, "value": value}})
