"""Steps, images and tokens per second, for loggers."""

from __future__ import annotations

import time
from typing import Any

import lightning.pytorch as pl

from unif2ace.callbacks.counting import Seen
from unif2ace.errors import ConfigError


class Throughput(pl.Callback):
    """Logs steps, images and tokens per second of wall time, over all ranks, as ``throughput/steps`` and so on.

    Each value is the mean since the previous logged value. The time includes checkpoints and excludes validation.

    Args:
        every_n_steps: Optimizer steps between two values.

    Raises:
        ConfigError: If `every_n_steps` is below 1.
    """

    def __init__(self, every_n_steps: int = 50) -> None:
        if every_n_steps < 1:
            raise ConfigError(f"callbacks.throughput.every_n_steps={every_n_steps}: it must be at least 1")
        self.every_n_steps = every_n_steps
        self._restart(0)

    def _restart(self, step: int) -> None:
        self._seen, self._step, self._began = Seen(), step, time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts counting."""
        self._restart(trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts a batch, and logs after `every_n_steps` steps."""
        self._seen.add(trainer, getattr(pl_module, "net", None), batch)
        steps = trainer.global_step - self._step
        if steps < self.every_n_steps:
            return
        seconds = max(time.monotonic() - self._began, 1e-9)
        counts = {"steps": steps, "images": self._seen.images, "tokens": self._seen.tokens}
        values = {f"throughput/{name}": count / seconds for name, count in counts.items() if count}
        for logger in trainer.loggers:
            logger.log_metrics(values, trainer.global_step)
        self._restart(trainer.global_step)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stops the clock."""
        self._paused = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restarts the clock."""
        self._began += time.monotonic() - self._paused
