"""Ends a run whose metric no longer improves."""

from __future__ import annotations

import logging
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping as LightningEarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from lightning.pytorch.trainer.states import TrainerFn

from unif2ace.metrics.logged import at_validation

log = logging.getLogger(__name__)


class EarlyStopping(LightningEarlyStopping):
    """Lightning's early stopping, checked after each validation.

    A resumed run restores the best value and the number of validations without improvement from the checkpoint.
    `patience` comes from the configuration.

    Args:
        monitor: Name of the metric, such as ``val/loss``.
        mode: ``min`` if a lower value is better, ``max`` if a higher one is.
        patience: Validations without improvement after which the run ends.
        min_delta: Smallest change that counts as an improvement.
        options: Further arguments of Lightning's class.
    """

    def __init__(
        self, monitor: str, mode: str = "min", patience: int = 3, min_delta: float = 0.0, **options: Any
    ) -> None:
        super().__init__(monitor, min_delta, patience, mode=mode, **{"check_on_train_epoch_end": False, **options})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the best value and the count, and clears the reason for an earlier stop."""
        now = {"patience": self.patience, "stopping_reason": EarlyStoppingReason.NOT_STOPPED.value, "stopped_epoch": 0}
        super().load_state_dict({**state_dict, **now})

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ends the run if the metric has not improved.

        Raises:
            MetricError: If the validation did not log the metric.
        """
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if at_validation("callbacks.early_stopping.monitor", self.monitor, trainer.callback_metrics) is None:
            return
        super().on_validation_end(trainer, pl_module)
        if self.stopping_reason != EarlyStoppingReason.NOT_STOPPED and trainer.is_global_zero:
            log.info("stopped early at step %d: %s", trainer.global_step, self.stopping_reason_message)
