"""Checkpoints at steps that a run can go on from exactly."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.strategies import DeepSpeedStrategy
from torch import Tensor
from torch.optim import Optimizer

from unif2ace.checkpoints.finding import step_name
from unif2ace.checkpoints.io import FolderIO
from unif2ace.checkpoints.naming import NAMES, names_of
from unif2ace.checkpoints.writing import prune, remove_leftovers
from unif2ace.errors import ConfigError, DataError

log = logging.getLogger(__name__)


class Checkpoint(pl.callbacks.Checkpoint):
    """Writes a directory every so many steps, in the last step, and when one process is interrupted.

    What fails or is interrupted between two steps is saved as it stands. Inside a step the batch is lost for the run
    that goes on; inside the optimiser's step, in a validation (where averaged weights may be in the place of the
    trained ones) and in one of several processes nothing is saved, and the newest checkpoint is named.

    Args:
        folder: Of the run's checkpoints.
        every_n_train_steps: Optimiser steps between two.
        keep: How many stay; older ones go after a new one is complete.
        on_exception: Whether an interrupted or failed run saves.

    Raises:
        ConfigError: If a number is less than 1.
    """

    def __init__(
        self, folder: str | Path, every_n_train_steps: int = 500, keep: int = 2, on_exception: bool = True
    ) -> None:
        for name, value in (("every_n_train_steps", every_n_train_steps), ("keep", keep)):
            if value < 1:
                raise ConfigError(f"callbacks.checkpoint.{name}={value}: at least 1")
        self.folder, self.every, self.keep, self.saves_on_exception = (
            Path(folder), every_n_train_steps, keep, on_exception,
        )  # fmt: skip
        self._last = 0
        self._failed = self._stepping = False

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Takes over how checkpoints are written and read, and removes what a killed run left.

        Raises:
            ConfigError: If the strategy writes them in a form of its own.
        """
        if isinstance(trainer.strategy, DeepSpeedStrategy):
            raise ConfigError(
                "strategy=deepspeed writes checkpoints that callbacks.checkpoint can neither verify nor go on from: "
                "leave checkpoint out of callbacks=[...], or take strategy=fsdp, which cuts the same things"
            )
        trainer.strategy.checkpoint_io = FolderIO()
        if stage == "fit" and trainer.is_global_zero and not _trial(trainer):
            remove_leftovers(self.folder)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begins to count; the step that the run goes on from is saved already."""
        self._last, self._failed, self._stepping = trainer.global_step, False, False

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Notes that weights begin to change."""
        self._stepping = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves after every n-th optimiser step and the last one; not again amid the next accumulation."""
        self._stepping = False
        step = trainer.global_step
        if step != self._last and (step % self.every == 0 or step == trainer.max_steps):
            self.save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves where the run ends by epochs, by time or because it was told to stop."""
        ends = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if ends and trainer.global_step != self._last:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> Path:
        """Writes a checkpoint; all ranks call it at the end of a step. One that is there for this step stays.

        Returns:
            Its directory.

        Raises:
            DataError: On all ranks, if it could not be written. The checkpoints before it are untouched.
        """
        step = trainer.global_step
        path = Path(trainer.strategy.broadcast(str(self.folder / step_name(step))))
        if step == self._last or _trial(trainer):
            return path
        failure: Exception | None = None
        try:
            trainer.save_checkpoint(path, weights_only=False)
        except Exception as error:  # of the first rank alone, while the others wait at the end of saving
            failure = error
            trainer.strategy.barrier("Trainer.save_checkpoint")
        if not trainer.strategy.reduce_boolean_decision(failure is None, all=True):
            self._failed = True
            raise failure or DataError(f"step {step} could not be saved by another process: see its message")
        self._last = step
        if trainer.is_global_zero:
            prune(self.folder, self.keep, path)
        return path

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds the parameters' names in the optimiser's order, and refuses weights that are not finite.

        Raises:
            DataError: On all ranks, if a weight is not finite.
        """
        checkpoint[NAMES] = [names_of(pl_module, optimizer) for optimizer in trainer.optimizers]
        bad = next((name for entry in ("current_model_state", "state_dict")
                    for name in not_finite(checkpoint.get(entry, {}))), None)  # fmt: skip
        if not trainer.strategy.reduce_boolean_decision(bad is None, all=True):
            raise DataError(
                f"step {trainer.global_step} is not saved: {bad or 'a weight of another rank'} is not finite; go on "
                "from the checkpoint before it (resume=auto) with a lower optimizer.lr or trainer.gradient_clip_val"
            )

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Saves what can be gone on from."""
        if not self.saves_on_exception or self._failed or trainer.global_step == self._last or _trial(trainer):
            return
        reason = self._unfit(trainer)
        if reason:
            if trainer.is_global_zero:
                log.warning("step %d is not saved: %s", trainer.global_step, reason)
            return
        try:
            log.info("stopped: %s", self.save(trainer))
        except Exception as error:  # the exception that ended the run is the one to be seen
            log.warning("step %d is not saved: %s", trainer.global_step, error)

    def _unfit(self, trainer: pl.Trainer) -> str:
        """Why the state after an exception cannot be gone on from; empty if it can."""
        if trainer.world_size > 1:
            return "one process cannot save for all"
        if not trainer.training:
            return "it was stopped outside of training"
        step = trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.current
        begun = self._stepping and step.ready != step.completed
        return "it was stopped while the weights were changed" if begun else ""


def not_finite(state: Mapping[str, Any]) -> list[str]:
    """Names of the floating tensors that hold an infinity or no number; of sharded ones this rank's part is looked at.

    Args:
        state: A module's state by names.
    """
    found = []
    for name, value in state.items():
        part = value.to_local() if hasattr(value, "to_local") else value
        if isinstance(part, Tensor) and part.is_floating_point() and not bool(part.isfinite().all()):
            found.append(name)
    return found


def _trial(trainer: pl.Trainer) -> bool:
    return bool(trainer.fast_dev_run) or trainer.sanity_checking  # type: ignore[attr-defined]
