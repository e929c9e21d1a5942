"""Logs to Weights & Biases (W&B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lightning.pytorch.loggers import WandbLogger as LightningWandbLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.loggers.media import Cell, MediaLogger, kept_run_id, require


class WandbLogger(LightningWandbLogger, MediaLogger):
    """Lightning's W&B logger with support for media. A resumed run continues the same W&B run.

    Args:
        save_dir: The run folder. W&B writes to its sub-folder ``wandb``; its file ``wandb_run_id.txt`` stores the id.
        project: Name of the W&B project.
        name: Name of the run in W&B; None lets W&B choose a name.
        offline: Whether to write local files only, which ``wandb sync`` uploads later.
        options: Further arguments of Lightning's logger.

    Raises:
        ConfigError: If the package ``wandb`` is not installed.
    """

    def __init__(
        self, save_dir: str, project: str = "unif2ace", name: str | None = None, offline: bool = False, **options: Any
    ) -> None:
        require("wandb", "wandb")
        options = {"id": kept_run_id(save_dir, "wandb"), "resume": "allow", **options}
        super().__init__(name=name, save_dir=save_dir, project=project, offline=offline, **options)

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs an image, uint8 (H, W, 3)."""
        import wandb

        self.log_metrics({name: wandb.Image(picture_HWC)}, step)

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:  # type: ignore[override]
        """Logs a Markdown text as a table with one cell."""
        self.log_table(name, ["text"], [[text]], step)

    @rank_zero_only
    def log_table(  # type: ignore[override]
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int
    ) -> None:
        """Logs a table."""
        import wandb

        self.log_metrics({name: wandb.Table(columns=[*columns], data=[[*row] for row in rows])}, step)
