"""Logs to TensorBoard."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger as LightningTensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.loggers.media import MediaLogger

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TensorBoardLogger(LightningTensorBoardLogger, MediaLogger):
    """Lightning's TensorBoard logger with support for media. It takes the arguments of Lightning's logger."""

    def __init__(self, save_dir: str, name: str = "", version: str = "", **options: Any) -> None:
        super().__init__(save_dir, name, version, **options)

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, metrics: dict[str, Any] | None = None, step: int | None = None
    ) -> None:
        """Logs hyperparameters for TensorBoard's page HPARAMS, with the metric `monitor` of the run.

        Lightning's logger fills this page only if a metric value is given.
        """
        super().log_hyperparams(params, metrics, step)
        if metrics or self._default_hp_metric:
            return
        from torch.utils.tensorboard import summary

        made: Any = summary.hparams
        values = {**(vars(params) if isinstance(params, Namespace) else params)}
        for event in made(values, {str(values.get("monitor", "val/loss")): 0.0}):  # the name alone is written
            self.experiment._get_file_writer().add_summary(event)

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs an image, uint8 (H, W, 3)."""
        self.experiment.add_image(name, picture_HWC, step, dataformats="HWC")

    @rank_zero_only
    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Logs a Matplotlib figure."""
        self.experiment.add_figure(name, figure, step)

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text in Markdown."""
        self.experiment.add_text(name, text, step)
