"""FSDP2 combined with tensor parallelism: groups of processes share every layer and process the same samples."""

from __future__ import annotations

from typing import Any

from unif2ace.strategies.fsdp import FSDPStrategy


class FSDPTPStrategy(FSDPStrategy):
    """Splits attention heads, and the hidden dimensions of shared and routed experts, over processes.

    Use this strategy if a block is too large for one device, or if there are more devices than samples. Activations are
    communicated in every layer, so the processes of a group should be on the same machine. Routers, LayerNorms and
    sequence-level experts are replicated. Expert parallelism (whole experts on different processes) is not supported.

    Args:
        tensor_parallel_size: Number of processes that share a layer. It must divide the number of heads, the hidden
            dimensions and the number of processes.
        options: As in `FSDPStrategy`.
    """

    def __init__(self, tensor_parallel_size: int = 2, **options: Any) -> None:
        super().__init__(tensor_parallel_size=tensor_parallel_size, **options)
