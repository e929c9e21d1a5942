"""A single process, or data-parallel training on several devices."""

from __future__ import annotations

import os

from lightning.pytorch.strategies import Strategy

from unif2ace.errors import ConfigError
from unif2ace.strategies.ddp import DDPStrategy
from unif2ace.strategies.launching import end_former_run


def auto_strategy(world_size: int, timeout: float = 600.0) -> str | Strategy:
    """The strategy for a number of processes.

    Args:
        world_size: Number of processes on all machines.
        timeout: As in `DDPStrategy`.

    Raises:
        ConfigError: If several processes were started, but the run is configured for one.
    """
    end_former_run()
    starter, processes = _started_by()
    if world_size == 1 and processes > 1:
        raise ConfigError(
            f"{starter} started {processes} processes, but the run is of one, so each would be a run of its own in the "
            f"same folder: set trainer.devices and trainer.num_nodes, whose product is {processes}, or let {starter} "
            "start one"
        )
    return DDPStrategy(timeout) if world_size > 1 else "auto"


def _started_by() -> tuple[str, int]:
    """The program that started several processes, and their number.

    Inside a job's own shell, outside srun, and in processes that we start ourselves there is none.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun", int(os.environ.get("WORLD_SIZE", "1"))
    if "SLURM_PROCID" in os.environ:
        return "srun", int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    return "", 1
