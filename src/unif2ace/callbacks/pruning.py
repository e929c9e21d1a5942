"""Reports a trial's metric to the study of its search, and stops a trial that the pruner prunes."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl

from unif2ace.errors import Unif2aceError

log = logging.getLogger(__name__)


class Pruning(pl.Callback):
    """Reports a metric after each validation; the first process reports, and all processes stop together.

    After the last step a trial is done and is not pruned.

    Args:
        open_study: Opens Optuna's study. Only the first process calls it.
        trial: Number of the trial.
        metric: Name of the reported metric.
        attribute: Name of the trial's user attribute that stores the step at which it was pruned.

    Attributes:
        pruned: Whether the trial was stopped.
    """

    def __init__(self, open_study: Callable[[], Any], trial: int, metric: str, attribute: str) -> None:
        self.open_study, self.trial, self.metric, self.attribute = open_study, trial, metric, attribute
        self.pruned = False
        self._study: Any = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reports the metric, if this validation or an earlier step has logged it.

        Raises:
            Unif2aceError: If the metric is NaN, or the trial was ended by another process.
        """
        if trainer.sanity_checking or self.metric not in trainer.callback_metrics:
            return
        step, value = trainer.global_step, float(trainer.callback_metrics[self.metric])
        if math.isnan(value):
            raise Unif2aceError(f"optimized_metric={self.metric} is NaN at step {step}: the trial diverged")
        gives_up = self._report(step, value) if trainer.is_global_zero else False
        self.pruned = bool(trainer.strategy.broadcast(gives_up)) and step != trainer.max_steps
        if self.pruned:
            log.info("trial %d is pruned at step %d: %s=%.6g", self.trial, step, self.metric, value)
            self._note(step, trainer)
            trainer.should_stop = True

    def _report(self, step: int, value: float) -> bool:
        """Reports the value; returns whether the pruner prunes the trial."""
        self._study = self._study or self.open_study()
        storage, trial = self._study._storage, self._frozen()
        if trial.state.is_finished():
            raise Unif2aceError(f"trial {self.trial} is already {trial.state.name} in its study: this run stops")
        storage.set_trial_intermediate_value(trial._trial_id, step, value)
        return bool(self._study.pruner.prune(self._study, self._frozen()))

    def _frozen(self) -> Any:
        storage = self._study._storage
        return storage.get_trial(storage.get_trial_id_from_study_id_trial_number(self._study._study_id, self.trial))

    def _note(self, step: int, trainer: pl.Trainer) -> None:
        if trainer.is_global_zero:
            self._study._storage.set_trial_user_attr(self._frozen()._trial_id, self.attribute, step)
