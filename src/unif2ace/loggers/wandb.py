"""Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lightning.pytorch.loggers import WandbLogger as LightningWandbLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.loggers.media import Cell, MediaLogger, kept_run_id, require


class WandbLogger(LightningWandbLogger, MediaLogger):
    """Lightning's W&B logger, which takes media too and continues the same W&B run when a run is resumed.

    Args:
        save_dir: The run's folder; ``wandb/`` is made in it, and ``wandb_run_id.txt`` keeps the id.
        project: Name of the project.
        name: Name that W&B shows.
        offline: Whether to write files alone, which ``wandb sync`` uploads later.
        options: Further arguments of Lightning's logger.

    Raises:
        ConfigError: If the package is not installed.
    """

    def __init__(
        self, save_dir: str, project: str = "unif2ace", name: str | None = None, offline: bool = False, **options: Any
    ) -> None:
        require("wandb", "wandb")
        options = {"id": kept_run_id(save_dir, "wandb"), "resume": "allow", **options}
        super().__init__(name=name, save_dir=save_dir, project=project, offline=offline, **options)

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs a picture, uint8 (H, W, 3)."""
        import wandb

        self.log_metrics({name: wandb.Image(picture_HWC)}, step)

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:  # type: ignore[override]
        """Logs a text in Markdown as a table of one cell."""
        self.log_table(name, ["text"], [[text]], step)

    @rank_zero_only
    def log_table(  # type: ignore[override]
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int
    ) -> None:
        """Logs a table."""
        import wandb

        self.log_metrics({name: wandb.Table(columns=[*columns], data=[[*row] for row in rows])}, step)
