"""One process, or data-parallel training where several devices are asked for."""

from __future__ import annotations

from lightning.pytorch.strategies import Strategy

from unif2ace.strategies.ddp import DDPStrategy
from unif2ace.strategies.launching import end_former_run


def auto_strategy(world_size: int, timeout: float = 600.0) -> str | Strategy:
    """What suits the number of processes.

    Args:
        world_size: Of all machines together.
        timeout: As in `DDPStrategy`.
    """
    end_former_run()
    return DDPStrategy(timeout) if world_size > 1 else "auto"
