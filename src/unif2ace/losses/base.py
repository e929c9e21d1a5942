"""What every loss is: a Lightning callback with one pure function of a forward pass.

Lightning has no hook that returns a loss, so the module asks: it sums `weight * compute(step).mean` over the Trainer's
callbacks that are losses. A loss may use every hook of a callback (schedules, its own checkpoint state), works in
validation, and is testable without a Trainer. It holds no parameters and no modules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import lightning.pytorch as pl

from unif2ace.errors import ConfigError
from unif2ace.types import LossTerm, StepOutput


class LossCallback(pl.Callback, ABC):
    """A term of the training objective.

    Args:
        weight: Factor of the term; 0 computes and logs it without training on it.

    Raises:
        ConfigError: If the weight is negative.
    """

    name: str
    """Under which the term is logged and configured."""

    def __init__(self, weight: float = 1.0) -> None:
        if weight < 0:
            raise ConfigError(f"loss.{self.name}.weight={weight}: it must be 0 or more")
        self.weight = weight

    @property
    def state_key(self) -> str:
        """Key of its state in a checkpoint, by name, so that losses can be swapped between runs."""
        return self._generate_state_key(name=self.name)

    @abstractmethod
    def compute(self, step: StepOutput) -> LossTerm:
        """The term of one forward pass.

        Args:
            step: What the module computed.

        Returns:
            Sum and count; a zero tied to the graph where no row is concerned.
        """


def losses_of(trainer: pl.Trainer) -> list[LossCallback]:
    """The Trainer's losses.

    Raises:
        ConfigError: If there is none, or two have one name.
    """
    losses = [c for c in trainer.callbacks if isinstance(c, LossCallback)]  # type: ignore[attr-defined]
    names = [loss.name for loss in losses]
    if not losses:
        raise ConfigError("no loss: select at least one, such as loss=[attributes]")
    if len(names) != len(set(names)):
        raise ConfigError(f"losses {names}: each name may stand once; select others with loss=[...]")
    return losses
