"""Linear warm-up, then cosine decay."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from unif2ace.errors import ConfigError


class CosineScheduler(LambdaLR):
    r"""Raises each group's learning rate linearly to its maximum, then decays it along half a cosine.

    Formula, for step s of S after W steps of warm-up: :math:`f + (1 - f) \tfrac12 (1 + \cos(\pi (s - W) / (S - W)))`
    times the group's learning rate.

    Args:
        optimizer: The optimiser whose learning rates are set.
        total_steps: S, number of optimiser steps of the run.
        warmup: W, number of steps; a value below 1 is a fraction of S.
        final: f, final learning rate as a fraction of the maximum.

    Raises:
        ConfigError: If the warm-up is longer than the run or negative.
    """

    def __init__(self, optimizer: Optimizer, total_steps: int, warmup: float = 0.05, final: float = 0.0) -> None:
        steps = round(warmup * total_steps) if warmup < 1 else int(warmup)
        if not 0 <= steps <= total_steps:
            raise ConfigError(f"lr_scheduler.warmup={warmup}: it must be between 0 and the run's {total_steps} steps")
        rest = max(total_steps - steps, 1)

        def factor(step: int) -> float:
            if step < steps:
                return (step + 1) / steps
            return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min((step - steps) / rest, 1.0)))

        super().__init__(optimizer, factor)
