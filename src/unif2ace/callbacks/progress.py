"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import lightning.pytorch as pl
from torch import Tensor

log = logging.getLogger(__name__)


class TrainingProgress(pl.callbacks.RichProgressBar):
    """Lightning's bar where a person looks; in a log file or a pipe, a line with step, speed and loss.

    Args:
        seconds: Between two lines.
        leave: Whether the bar of a finished epoch stays on the terminal.
    """

    def __init__(self, seconds: float = 30.0, leave: bool = True) -> None:
        super().__init__(leave=leave)
        self.seconds = seconds
        self._plain = not sys.stderr.isatty() and "ipykernel" not in sys.modules
        self._began: tuple[float, int] = (0.0, 0)
        self._told = 0.0
        if self._plain:
            self.disable()

    def _get_train_description(self, current_epoch: int) -> str:
        endless = (self.trainer.max_epochs or -1) < 0
        return f"Epoch {current_epoch}" if endless else str(super()._get_train_description(current_epoch))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begins to count."""
        super().on_train_start(trainer, pl_module)
        self._told = time.monotonic()
        self._began = (self._told, trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Writes a line if it is time."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        now = time.monotonic()
        if self._plain and trainer.is_global_zero and now - self._told >= self.seconds:
            self._told = now
            log.info(self._line(trainer, now))

    def _line(self, trainer: pl.Trainer, now: float) -> str:
        step = trainer.global_step
        speed = (step - self._began[1]) / max(now - self._began[0], 1e-9)
        total = trainer.estimated_stepping_batches
        left = f" of {total:,.0f}" if total < float("inf") else ""
        until = f", {(total - step) / speed:.0f} s left" if left and speed else ""
        loss = trainer.callback_metrics.get("train/loss")
        told = f", loss {float(loss):.4g}" if isinstance(loss, Tensor) else ""
        return f"step {step:,}{left} ({speed:.1f}/s{until}){told}"
