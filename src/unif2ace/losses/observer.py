"""Callbacks that read training forward passes and add nothing to the objective."""

from __future__ import annotations

from abc import ABC, abstractmethod

import lightning.pytorch as pl

from unif2ace.types import StepOutput


class StepObserver(pl.Callback, ABC):
    """Reads a module's forward pass before the backward pass.

    Lightning passes callbacks only the loss of a training step, so the module calls `observe`. In validation
    `on_validation_batch_end` receives the same `StepOutput`.
    """

    @abstractmethod
    def observe(self, trainer: pl.Trainer, step: StepOutput) -> None:
        """Reads one forward pass; must not keep tensors that carry a gradient."""


def show(trainer: pl.Trainer, step: StepOutput) -> None:
    """Passes a forward pass to all observers of a Trainer."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, StepObserver):
            callback.observe(trainer, step)
