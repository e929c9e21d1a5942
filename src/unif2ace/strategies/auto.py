"""The default strategy: a single process, or DDP on several devices."""

from __future__ import annotations

import os

from lightning.pytorch.strategies import Strategy

from unif2ace.errors import ConfigError
from unif2ace.strategies.ddp import DDPStrategy
from unif2ace.strategies.launching import end_former_run


def auto_strategy(world_size: int, timeout: float = 600.0) -> str | Strategy:
    """Returns Lightning's ``auto`` strategy for one process, and `DDPStrategy` for several.

    Args:
        world_size: Total number of processes on all machines.
        timeout: As in `DDPStrategy`.

    Raises:
        ConfigError: If torchrun or srun started several processes, but `world_size` is 1.
    """
    end_former_run()
    starter, processes = _started_by()
    if world_size == 1 and processes > 1:
        raise ConfigError(
            f"{starter} started {processes} processes, but the run is configured for one process, so each would be a "
            f"separate run in the same folder: set trainer.devices and trainer.num_nodes so that their product is "
            f"{processes}, or let {starter} start one process"
        )
    return DDPStrategy(timeout) if world_size > 1 else "auto"


def _started_by() -> tuple[str, int]:
    """Name of the launcher that started this process (torchrun or srun), and its number of processes.

    Returns an empty name and 1 without a launcher, as in a Slurm job's shell outside srun.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun", int(os.environ.get("WORLD_SIZE", "1"))
    if "SLURM_PROCID" in os.environ:
        return "srun", int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    return "", 1
