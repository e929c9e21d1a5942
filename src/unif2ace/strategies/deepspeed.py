"""DeepSpeed's ZeRO. `FSDPStrategy` also shards the training state, and needs no extra package."""

from __future__ import annotations

import importlib.util
from datetime import timedelta

import torch
from lightning.pytorch.strategies import DeepSpeedStrategy, Strategy

from unif2ace.errors import ConfigError
from unif2ace.strategies.launching import end_former_run, use_job_launcher


class _DeepSpeedStrategy(DeepSpeedStrategy):
    def _configure_launcher(self) -> None:
        use_job_launcher(self)


def deepspeed_strategy(stage: int = 2, cpu_offload: bool = False, timeout: float = 600.0) -> Strategy:
    """DeepSpeed's ZeRO on GPUs.

    Args:
        stage: ZeRO stage: 1 shards the optimiser state, 2 also gradients, 3 also weights.
        cpu_offload: Whether the optimiser state is kept in CPU memory.
        timeout: Timeout of collective operations, in seconds.

    Raises:
        ConfigError: If there is no CUDA device, or the package ``deepspeed`` is not installed.
    """
    missing = "there is no CUDA device" if not torch.cuda.is_available() else None
    if importlib.util.find_spec("deepspeed") is None:
        missing = "the package deepspeed is not installed"
    if missing:
        raise ConfigError(f"strategy=deepspeed cannot run here: {missing}; use strategy=fsdp, which runs anywhere")
    end_former_run()
    return _DeepSpeedStrategy(stage=stage, offload_optimizer=cpu_offload, timeout=timedelta(seconds=timeout))
