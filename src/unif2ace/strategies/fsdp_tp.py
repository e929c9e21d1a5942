"""FSDP2, and within it tensor parallelism: some processes share every layer of the same rows."""

from __future__ import annotations

from typing import Any

from unif2ace.strategies.fsdp import FSDPStrategy


class FSDPTPStrategy(FSDPStrategy):
    """Divides heads of the attention, hidden numbers of shared experts and of every routed expert among processes.

    It is for blocks too large for one device, and for more devices than rows; it sends activations in every layer, so
    the processes that share should be on one machine. Routers, LayerNorms and sequence-level experts are computed by
    each of them. Expert parallelism, whole experts on different processes, is not offered.

    Args:
        tensor_parallel_size: Processes that share; it divides heads, hidden numbers and the number of processes.
        options: As in `FSDPStrategy`.
    """

    def __init__(self, tensor_parallel_size: int = 2, **options: Any) -> None:
        super().__init__(tensor_parallel_size=tensor_parallel_size, **options)
