"""Logs to Comet."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightning.pytorch.loggers import CometLogger as LightningCometLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.loggers.media import MediaLogger, kept_run_id, require


class CometLogger(LightningCometLogger, MediaLogger):
    """Lightning's Comet logger with support for media. A resumed run continues the same Comet experiment.

    Args:
        save_dir: The run folder. The experiment key is stored in its file ``comet_run_id.txt``, and offline files are
            written to this folder.
        project: Name of the Comet project.
        name: Name of the experiment in Comet.
        online: Whether to upload during training. If False, files are written, which ``comet upload`` uploads later.
        options: Further arguments of Lightning's logger.

    Raises:
        ConfigError: If the package ``comet_ml`` is not installed.
    """

    def __init__(
        self, save_dir: str, project: str = "unif2ace", name: str | None = None, online: bool = True, **options: Any
    ) -> None:
        require("comet_ml", "comet")
        options = {"experiment_key": kept_run_id(save_dir, "comet", letters=40), **options}
        super().__init__(project=project, name=name, online=online, offline_directory=str(save_dir), **options)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Writes all pending values. If offline, also writes the file for ``comet upload``."""
        super().finalize(status)
        if self._experiment is not None and not self._online:
            self._experiment.end()
            self._experiment = None  # what is logged later goes into a file of its own

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs an image, uint8 (H, W, 3)."""
        self.experiment.log_image(picture_HWC, name=name, step=step)

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text in Markdown."""
        self.experiment.log_text(text, step=step, metadata={"name": name})
