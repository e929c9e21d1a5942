"""Comet."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightning.pytorch.loggers import CometLogger as LightningCometLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.loggers.media import MediaLogger, kept_run_id, require


class CometLogger(LightningCometLogger, MediaLogger):
    """Lightning's Comet logger, which takes media too and continues the same experiment when a run is resumed.

    Args:
        save_dir: The run's folder; ``comet_run_id.txt`` in it keeps the key, and offline files go there.
        project: Name of the project.
        name: Name that Comet shows.
        online: Whether to send the values while training; otherwise they are files, which ``comet upload`` sends.
        options: Further arguments of Lightning's logger.

    Raises:
        ConfigError: If the package is not installed.
    """

    def __init__(
        self, save_dir: str, project: str = "unif2ace", name: str | None = None, online: bool = True, **options: Any
    ) -> None:
        require("comet_ml", "comet")
        options = {"experiment_key": kept_run_id(save_dir, "comet", letters=40), **options}
        super().__init__(project=project, name=name, online=online, offline_directory=str(save_dir), **options)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Writes what is left; offline, also the file for ``comet upload``."""
        super().finalize(status)
        if self._experiment is not None and not self._online:
            self._experiment.end()
            self._experiment = None  # what is logged later goes into a file of its own

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs a picture, uint8 (H, W, 3)."""
        self.experiment.log_image(picture_HWC, name=name, step=step)

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text in Markdown."""
        self.experiment.log_text(text, step=step, metadata={"name": name})
