"""Callbacks that read forward passes of training and add nothing to the objective."""

from __future__ import annotations

from abc import ABC, abstractmethod

import lightning.pytorch as pl

from unif2ace.types import StepOutput


class StepObserver(pl.Callback, ABC):
    """Reads what a module computed, before the backward pass; in validation `on_validation_batch_end` gives the same.

    Lightning shows callbacks no more of a training step than its loss, so the module does.
    """

    @abstractmethod
    def observe(self, trainer: pl.Trainer, step: StepOutput) -> None:
        """Looks at one forward pass; keeps numbers, never tensors that carry a gradient."""


def show(trainer: pl.Trainer, step: StepOutput) -> None:
    """Shows a forward pass to all observers of a Trainer."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, StepObserver):
            callback.observe(trainer, step)
