"""TensorBoard with pictures, figures, text and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger as LightningTensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.loggers.media import MediaLogger

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TensorBoardLogger(LightningTensorBoardLogger, MediaLogger):
    """Lightning's TensorBoard logger, which takes media too; its arguments are those of Lightning's."""

    def __init__(self, save_dir: str, name: str = "", version: str = "", **options: Any) -> None:
        super().__init__(save_dir, name, version, **options)

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs a picture, uint8 (H, W, 3)."""
        self.experiment.add_image(name, picture_HWC, step, dataformats="HWC")

    @rank_zero_only
    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Logs a figure of matplotlib."""
        self.experiment.add_figure(name, figure, step)

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text in Markdown."""
        self.experiment.add_text(name, text, step)
