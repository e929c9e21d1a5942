"""Linear warm-up, then half a cosine."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from unif2ace.errors import ConfigError


class CosineScheduler(LambdaLR):
    r"""Every group's rate rises from near 0 to its own maximum and falls to a share of it.

    Formula, for step s of S after W steps of warm-up:
    :math:`f + (1 - f) \tfrac12 (1 + \cos(\pi (s - W) / (S - W)))` times the group's rate.

    Args:
        optimizer: Whose rates are set.
        total_steps: S, steps of the run.
        warmup: W, steps; below 1 a share of S.
        final: f, the share of the rate at the end.

    Raises:
        ConfigError: If the warm-up is longer than the run or negative.
    """

    def __init__(self, optimizer: Optimizer, total_steps: int, warmup: float = 0.05, final: float = 0.0) -> None:
        steps = round(warmup * total_steps) if warmup < 1 else int(warmup)
        if not 0 <= steps <= total_steps:
            raise ConfigError(f"lr_scheduler.warmup={warmup}: between 0 and the run's {total_steps} steps")
        rest = max(total_steps - steps, 1)

        def factor(step: int) -> float:
            if step < steps:
                return (step + 1) / steps
            return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min((step - steps) / rest, 1.0)))

        super().__init__(optimizer, factor)
