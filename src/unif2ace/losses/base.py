"""The base class of losses: a Lightning callback that computes one term from a forward pass.

Lightning has no hook that returns a loss. The module therefore sums `weight * compute(step).mean` over all losses among
the Trainer's callbacks. A loss may use every hook of a callback, for example for a schedule or its own checkpoint
state. It also runs in validation, can be tested without a Trainer, and holds no parameters or modules.
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
        weight: Factor of the term; with 0 the term is computed and logged but not trained on.

    Raises:
        ConfigError: If the weight is negative.
    """

    name: str
    """Name under which the term is logged and configured."""
    reads: frozenset[Part | LogitsSpec] = frozenset()
    """Costly parts of a `StepOutput` that the loss needs; parts that no loss needs are not computed."""
    needs: str = ""
    """Field of a `StepOutput` that the loss requires; a module that leaves it None cannot use the loss."""
    forward_processes: frozenset[str] = frozenset()
    """Forward processes that the loss supports (`forward_process=...`); empty if it reads no image tokens."""
    maskings: frozenset[str] = frozenset({"bernoulli", "fixed_count"})
    """Values of `forward_process.masking` that the loss supports."""
    is_bound: bool = False
    """Whether the value is a negative log-likelihood or an upper bound of it, in nats per token."""

    def __init__(self, weight: float = 1.0) -> None:
        if weight < 0:
            raise ConfigError(f"loss.{self.name}.weight={weight}: it must be 0 or more")
        self.weight = weight

    @property
    def state_key(self) -> str:
        """Key of the state in a checkpoint; depends on `name` only, so that losses can be swapped between runs."""
        return self._generate_state_key(name=self.name)

    @property
    def active(self) -> bool:
        """Whether the loss is computed in this step; if not, the parts in `reads` are not computed either."""
        return True

    @abstractmethod
    def compute(self, step: StepOutput) -> LossTerm:
        """The term of one forward pass.

        Args:
            step: Output of the module's forward pass.

        Returns:
            Sum and count, float () each. If the loss applies to no sample, the sum is a differentiable zero.
        """


def over_rows(values: Tensor, step: StepOutput) -> LossTerm:
    """A term divided by the number of all samples, valid or not, so accumulation and ranks do not change its value.

    Args:
        values: float (B,), one value per sample.
        step: Output of the forward pass; samples that are not in `step.batch.valid` add 0.
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
        raise ConfigError(f"losses {names}: a name occurs twice; select each loss once in loss=[...]")
    return losses
