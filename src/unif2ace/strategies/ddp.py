"""Every process holds the whole model; gradients are averaged."""

from __future__ import annotations

from datetime import timedelta

from lightning.pytorch.strategies import DDPStrategy as LightningDDPStrategy

from unif2ace.strategies.launching import end_former_run, use_job_launcher


class DDPStrategy(LightningDDPStrategy):
    """Data-parallel training on GPUs or CPU cores, one machine or many; also in a sweep of several runs.

    Args:
        timeout: Seconds after which a process stops waiting for the others.
        backend: ``nccl`` or ``gloo``; None for the device's default.
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
