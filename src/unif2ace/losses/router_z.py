"""Penalty on large router logits."""

from __future__ import annotations

from typing import Literal

import torch

from unif2ace.losses.router import RouterLoss
from unif2ace.types import LossTerm, StepOutput


class RouterZLoss(RouterLoss):
    r"""Keeps router logits small, so that the softmax does not saturate (router z-loss, arXiv 2202.08906).

    Formula: the mean over tokens and layers of :math:`(\log \sum_i e^{l_i})^2`, with the logits l of a token's group.
    Sums and counts are added over ranks. Under accumulation each micro-batch divides by its own count.

    Args:
        weight: Factor of the term.
        token_weight: Factor of the token-level part.
        sequence_weight: Factor of the sequence-level part, a mean over samples and layers.

    Raises:
        ConfigError: If a factor is negative.
    """

    name = "router_z"

    def __init__(self, weight: float = 0.001, token_weight: float = 1.0, sequence_weight: float = 0.0) -> None:
        super().__init__(weight, token_weight, sequence_weight)

    def compute(self, step: StepOutput) -> LossTerm:
        """The token-level term, with the sequence-level term in `also`; 0 for a dense network."""
        token = self._level(step, "token", self.factors["token"])
        sequence = self._level(step, "sequence", self.factors["sequence"])
        return LossTerm(token.total, token.count, also=(sequence,))

    @staticmethod
    def _level(step: StepOutput, level: Literal["token", "sequence"], factor: float) -> LossTerm:
        zero = torch.zeros((), device=step.batch.task.device)
        routers = [s for s in (step.unified.routers if step.unified is not None else ()) if s.level == level]
        total = torch.stack([zero, *(s.z.sum() for s in routers)]).sum()
        count = torch.stack([zero, *(s.count.sum() for s in routers)]).sum()
        return LossTerm(factor * total, count.detach())
