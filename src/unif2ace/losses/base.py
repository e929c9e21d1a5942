"""The base class of losses: a Lightning callback with one pure function of a forward pass.

Lightning has no hook that returns a loss. The module therefore sums `weight * compute(step).mean` over the Trainer's
callbacks that are losses. A loss may use every hook of a callback (schedules, its own checkpoint state), works in
validation, and is testable without a Trainer. It holds no parameters and no modules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import lightning.pytorch as pl
import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.types import LogitsSpec, LossTerm, StepOutput

Part = Literal["code_logits", "bit_logits", "features", "discriminator", "adaptive_weight", "image_gradient"]
"""Parts of a `StepOutput` that a module computes only if a loss reads them."""


class LossCallback(pl.Callback, ABC):
    """A term of the training objective.

    Args:
        weight: Factor of the term; 0 computes and logs it without training on it.

    Raises:
        ConfigError: If the weight is negative.
    """

    name: str
    """Name under which the term is logged and configured."""
    reads: frozenset[Part | LogitsSpec] = frozenset()
    """Costly parts of a `StepOutput` that it needs; parts that no loss needs are neither built nor computed."""
    needs: str = ""
    """Field of a `StepOutput` that the loss requires; a module that leaves it None cannot use the loss."""
    forward_processes: frozenset[str] = frozenset()
    """Forward processes that the loss supports (`forward_process=...`); empty if it reads no image tokens."""
    maskings: frozenset[str] = frozenset({"bernoulli", "fixed_count"})
    """Values of `forward_process.masking` that the loss supports."""
    is_bound: bool = False
    """Whether its value is a negative log-likelihood or an upper bound, in nats per token."""

    def __init__(self, weight: float = 1.0) -> None:
        if weight < 0:
            raise ConfigError(f"loss.{self.name}.weight={weight}: it must be 0 or more")
        self.weight = weight

    @property
    def state_key(self) -> str:
        """Key of its state in a checkpoint. It depends on the name only, so that losses can be swapped between runs."""
        return self._generate_state_key(name=self.name)

    @property
    def active(self) -> bool:
        """Whether the loss is computed in this step; if not, nothing that it reads is computed either."""
        return True

    @abstractmethod
    def compute(self, step: StepOutput) -> LossTerm:
        """The term of one forward pass.

        Args:
            step: Output of the module's forward pass.

        Returns:
            Sum and count, float () each; a zero with gradient if the loss applies to no sample.
        """


def over_rows(values: Tensor, step: StepOutput) -> LossTerm:
    """A term whose denominator is the number of samples, valid or not. It is fixed: accumulation and ranks are exact.

    Args:
        values: float (B,), one value per sample.
        step: `step.batch.valid` selects which samples are valid; the others add nothing.
    """
    valid = step.batch.valid
    return LossTerm(torch.where(valid, values, 0).sum(), torch.full((), len(valid), device=values.device))


def losses_of(trainer: pl.Trainer) -> list[LossCallback]:
    """The Trainer's losses.

    Raises:
        ConfigError: If there is none, or two have the same name.
    """
    losses = [c for c in trainer.callbacks if isinstance(c, LossCallback)]  # type: ignore[attr-defined]
    names = [loss.name for loss in losses]
    if not losses:
        raise ConfigError("no loss: select at least one, such as loss=[attributes]")
    if len(names) != len(set(names)):
        raise ConfigError(f"losses {names}: each name may stand once; select others with loss=[...]")
    return losses
