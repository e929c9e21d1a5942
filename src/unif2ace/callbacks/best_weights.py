"""Keeps the weights of the best validation."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import lightning.pytorch as pl
from lightning.pytorch.trainer.states import TrainerFn

from unif2ace.callbacks.ema import EMA
from unif2ace.checkpoints.together import together
from unif2ace.errors import ConfigError
from unif2ace.metrics.logged import at_validation

log = logging.getLogger(__name__)


class BestWeightsFile(Protocol):
    """The file of the best weights."""

    def begin(self, criterion: Mapping[str, str], resumes: bool) -> float | None:
        """Returns the metric of the best weights so far; a new run first deletes the file of an earlier run."""

    def write(self, trainer: pl.Trainer, module: pl.LightningModule, criterion: Mapping[str, str], value: float) -> Any:
        """Writes the weights; all ranks call it, and the first one writes."""


class BestWeights(pl.Callback):
    """Writes the weights whenever a validation improves the monitored metric.

    The file holds the weights that were validated: the averaged weights if the run averages them. It also stores the
    best value, so a resumed run knows this value even if it resumes from an older checkpoint. NaN and Inf never count
    as an improvement.

    Args:
        monitor: Name of the metric, such as ``val/loss``.
        mode: ``min`` if a lower value is better, ``max`` if a higher one is.

    Attributes:
        file: Where the weights are written; the run sets it.
        best: The best value so far; None before the first validation.

    Raises:
        ConfigError: If `mode` is not ``min`` or ``max``.
    """

    def __init__(self, monitor: str, mode: str) -> None:
        if mode not in ("min", "max"):
            raise ConfigError(f"run_callbacks.best.mode={mode}: it must be min or max")
        self.monitor, self.mode = monitor, mode
        self._criterion = {"name": monitor, "mode": mode}
        self.file: BestWeightsFile | None = None
        self.best: float | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reads the best value so far if the run is resumed."""
        if self.file is not None and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            file, resumes = self.file, trainer.ckpt_path is not None
            found = together(lambda: file.begin(self._criterion, resumes) if trainer.is_global_zero else None)
            self.best = trainer.strategy.broadcast(found)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes the weights if the metric has improved.

        Raises:
            MetricError: If the validation did not log the metric.
            DataError: On all ranks, if the weights could not be written. The previous file is unchanged.
        """
        trial = trainer.sanity_checking or trainer.fast_dev_run  # type: ignore[attr-defined]
        if self.file is None or trial or trainer.state.fn != TrainerFn.FITTING:
            return
        value = trainer.strategy.broadcast(at_validation("monitor", self.monitor, trainer.callback_metrics))
        if value is None or not self.improves(value):
            return
        file = self.file
        with measured_weights(trainer, pl_module):
            together(lambda: file.write(trainer, pl_module, self._criterion, value))
        self.best = value
        if trainer.is_global_zero:
            log.info("best so far: %s=%.6g at step %d", self.monitor, value, trainer.global_step)

    def improves(self, value: float) -> bool:
        """Whether a value is finite and better than the best value so far."""
        if self.best is None or not math.isfinite(value):
            return math.isfinite(value)
        return value < self.best if self.mode == "min" else value > self.best


@contextmanager
def measured_weights(trainer: pl.Trainer, pl_module: pl.LightningModule) -> Iterator[None]:
    """Inside the context, the module has the weights that are validated: with `EMA`, the averages."""
    with ExitStack() as held:
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, EMA):
                held.enter_context(callback.averages_in(pl_module))
        yield
