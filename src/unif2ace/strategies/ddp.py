"""Distributed data-parallel training (DDP): every process has a copy of the model, and gradients are averaged."""

from __future__ import annotations

from datetime import timedelta

from lightning.pytorch.strategies import DDPStrategy as LightningDDPStrategy

from unif2ace.strategies.launching import end_former_run, use_job_launcher


class DDPStrategy(LightningDDPStrategy):
    """Lightning's DDP on GPUs or CPU cores of one or several machines. It also works in a Hydra multirun.

    Args:
        timeout: Timeout of collective operations, in seconds.
        backend: ``nccl`` or ``gloo``; None for the default of the device.
        bucket_view: Whether gradients are views of the communication buckets, which saves memory.
    """

    def __init__(self, timeout: float = 600.0, backend: str | None = None, bucket_view: bool = True) -> None:
        end_former_run()
        super().__init__(
            process_group_backend=backend,
            timeout=timedelta(seconds=timeout),
            gradient_as_bucket_view=bucket_view,
            find_unused_parameters=False,
        )

    def _configure_launcher(self) -> None:
        use_job_launcher(self)
