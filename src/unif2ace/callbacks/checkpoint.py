"""Checkpoints at optimiser steps, from which a run resumes exactly."""

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

VALIDATION = "before_validation"
"""Entry of a checkpoint: whether its step was saved before the validation that follows it."""


class Checkpoint(pl.callbacks.Checkpoint):
    """Writes a checkpoint directory every `every_n_train_steps` steps, at the last step, and on interruption.

    If a run of one process fails or is interrupted between two steps, its current state is saved and the path is
    logged. If it stops inside a step, the resumed run skips the batch of this step. A step is saved before its
    validation, so a resumed run begins with this validation. On a failure or interruption nothing is saved inside the
    optimiser's step, in a validation (where averages may replace the weights), or in a run of several processes.

    Args:
        folder: Folder of the run's checkpoints.
        every_n_train_steps: Optimiser steps between checkpoints.
        keep: Number of checkpoints to keep; older ones are deleted after a new one is complete.
        on_exception: Whether to save a checkpoint when the run is interrupted or fails.

    Raises:
        ConfigError: If `every_n_train_steps` or `keep` is less than 1.
    """

    def __init__(
        self, folder: str | Path, every_n_train_steps: int = 500, keep: int = 2, on_exception: bool = True
    ) -> None:
        for name, value in (("every_n_train_steps", every_n_train_steps), ("keep", keep)):
            if value < 1:
                raise ConfigError(f"run_callbacks.checkpoint.{name}={value}: it must be at least 1")
        self.folder, self.every, self.keep, self.saves_on_exception = (
            Path(folder), every_n_train_steps, keep, on_exception,
        )  # fmt: skip
        self._last = 0
        self._failed = self._stepping = self._before_validation = self._makes_validation = False

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Installs `FolderIO` as the strategy's checkpoint IO and removes leftovers of a killed run.

        Raises:
            ConfigError: If the strategy writes checkpoints in its own format.
        """
        if isinstance(trainer.strategy, DeepSpeedStrategy):
            raise ConfigError(
                "strategy=deepspeed writes checkpoints that run_callbacks.checkpoint can neither verify nor resume "
                "from: add run_callbacks.checkpoint=null, or use strategy=fsdp, which shards the same tensors"
            )
        trainer.strategy.checkpoint_io = FolderIO()
        if stage == "fit" and trainer.is_global_zero and not _trial(trainer):
            remove_leftovers(self.folder)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Resets the state. Runs the validation of the resumed step if its checkpoint was saved before it."""
        self._last, self._failed, self._stepping = trainer.global_step, False, False
        self._before_validation, makes = False, self._makes_validation
        self._makes_validation = False
        if makes and trainer.enable_validation:
            trainer.validating = True
            trainer.fit_loop.epoch_loop.val_loop.run()
            trainer.training = True

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Records that no validation is due."""
        self._before_validation = False

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Records that the optimiser begins to change the weights."""
        self._stepping = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves after every `every_n_train_steps`-th optimiser step and after the last one, once for each step."""
        self._stepping = False
        loop = trainer.fit_loop
        self._before_validation = loop._data_fetcher is not None and loop.epoch_loop._should_check_val_fx(
            loop._data_fetcher
        )
        step = trainer.global_step
        if step != self._last and (step % self.every == 0 or step == trainer.max_steps):
            self.save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Records that no validation is due."""
        self._before_validation = False

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves if the run ends by epochs, by time or on request."""
        ends = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if ends and trainer.global_step != self._last:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> Path:
        """Writes a checkpoint; all ranks call it at the end of a step. An existing checkpoint of this step is kept.

        Returns:
            Directory of the checkpoint.

        Raises:
            DataError: On all ranks, if the checkpoint could not be written. Earlier checkpoints are unchanged.
        """
        step = trainer.global_step
        path = Path(trainer.strategy.broadcast(str(self.folder / step_name(step))))
        if step == self._last or _trial(trainer):
            return path
        failure: Exception | None = None
        try:
            trainer.save_checkpoint(path, weights_only=False)
        except Exception as error:  # on the first rank only, while the others wait at the barrier of `save_checkpoint`
            failure = error
            trainer.strategy.barrier("Trainer.save_checkpoint")
        if not trainer.strategy.reduce_boolean_decision(failure is None, all=True):
            self._failed = True
            raise failure or DataError(
                f"step {step} could not be saved by another process: see the error message of that process"
            )
        self._last = step
        if trainer.is_global_zero:
            prune(self.folder, self.keep, path)
        return path

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds the parameters' names in the optimiser's order, and rejects weights that are not finite.

        Raises:
            DataError: On all ranks, if a weight is not finite.
        """
        checkpoint[VALIDATION] = self._before_validation
        checkpoint[NAMES] = [names_of(pl_module, optimizer) for optimizer in trainer.optimizers]
        bad = next((name for entry in ("current_model_state", "state_dict")
                    for name in not_finite(checkpoint.get(entry, {}))), None)  # fmt: skip
        if not trainer.strategy.reduce_boolean_decision(bad is None, all=True):
            raise DataError(
                f"step {trainer.global_step} is not saved: {bad or 'a weight of another rank'} is not finite; "
                "resume from the checkpoint before (resume=auto) with a lower optimizer.lr or trainer.gradient_clip_val"
            )

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Reads whether the step was saved before its validation."""
        self._makes_validation = bool(checkpoint.get(VALIDATION))

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Saves the state if the run can resume from it."""
        if not self.saves_on_exception or self._failed or trainer.global_step == self._last or _trial(trainer):
            return
        reason = self._unfit(trainer)
        if reason:
            if trainer.is_global_zero:
                log.warning("step %d is not saved: %s", trainer.global_step, reason)
            return
        try:
            log.info("stopped: %s", self.save(trainer))
        except Exception as error:  # keep the exception that ended the run
            log.warning("step %d is not saved: %s", trainer.global_step, error)

    def _unfit(self, trainer: pl.Trainer) -> str:
        """Why the run cannot resume from the state after an exception; empty if it can."""
        if trainer.world_size > 1:
            return "with several processes, one process cannot save for the others"
        if not trainer.training:
            return "the run stopped outside of training"
        step = trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.current
        begun = self._stepping and step.ready != step.completed
        return "the run stopped in an optimizer step" if begun else ""


def not_finite(state: Mapping[str, Any]) -> list[str]:
    """Names of floating-point tensors that contain Inf or NaN; of sharded tensors only this rank's shard is checked.

    Args:
        state: State of a module by name.
    """
    found = []
    for name, value in state.items():
        part = value.to_local() if hasattr(value, "to_local") else value
        if isinstance(part, Tensor) and part.is_floating_point() and not bool(part.isfinite().all()):
            found.append(name)
    return found


def _trial(trainer: pl.Trainer) -> bool:
    return bool(trainer.fast_dev_run) or trainer.sanity_checking  # type: ignore[attr-defined]
