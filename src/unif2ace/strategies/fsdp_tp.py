"""FSDP2 with tensor parallelism inside: some processes share every layer for the same samples."""

from __future__ import annotations

from typing import Any

from unif2ace.strategies.fsdp import FSDPStrategy


class FSDPTPStrategy(FSDPStrategy):
    """Splits attention heads and hidden dimensions of shared and routed experts among processes.

    It suits blocks too large for one device, and more devices than samples. It communicates activations in every
    layer, so the processes that share should be on one machine. Routers, LayerNorms and sequence-level experts are
    replicated. Expert parallelism, whole experts on different processes, is not supported.

    Args:
        tensor_parallel_size: Number of processes that share a layer; must divide the numbers of heads, hidden
            dimensions and processes.
        options: As in `FSDPStrategy`.
    """

    def __init__(self, tensor_parallel_size: int = 2, **options: Any) -> None:
        super().__init__(tensor_parallel_size=tensor_parallel_size, **options)
