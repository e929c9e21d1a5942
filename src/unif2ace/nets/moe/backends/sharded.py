"""Experts with sharded weights.

Shapes: T tokens, D width, E experts, H hidden dimensions, K experts per token.

FSDP gathers weights before a layer runs, so this layer receives plain tensors. Tensor parallelism keeps weights
sharded: each rank has some hidden dimensions of every expert, and all ranks have all tokens.
"""

from __future__ import annotations

from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.backends.base import ExpertBackend
from unif2ace.nets.moe.backends.dispatch import Dispatch
from unif2ace.nets.sharding import is_sharded, shared, summed


class ShardedBackend(ExpertBackend):
    """Runs `inner` on this rank's hidden dimensions and sums over the ranks; unsharded weights go straight to `inner`.

    Args:
        inner: The backend that runs on one rank.
    """

    def __init__(self, inner: ExpertBackend) -> None:
        self.inner = inner

    def __call__(self, x_TD: Tensor, gate_TK: Tensor, dispatch: Dispatch, in_E2HD: Tensor, out_EDH: Tensor) -> Tensor:
        """Output (T, D) of the experts, summed over the ranks and equal on all of them.

        Raises:
            ConfigError: If weights are not sharded along the hidden dimensions.
        """
        if not is_sharded(in_E2HD) or not is_sharded(out_EDH):
            return self.inner(x_TD, gate_TK, dispatch, in_E2HD, out_EDH)
        from torch.distributed.tensor import Shard

        if in_E2HD.placements != (Shard(2),) or out_EDH.placements != (Shard(2),):
            raise ConfigError(
                f"expert weights are sharded as {in_E2HD.placements} (input) and {out_EDH.placements} (output): tensor "
                "parallelism must shard both along axis 2, the hidden dimensions; FSDP must gather them before the "
                "layer runs"
            )
        mesh = in_E2HD.device_mesh
        x, gate = shared(x_TD, mesh), shared(gate_TK, mesh)
        return summed(self.inner(x, gate, dispatch, in_E2HD.to_local(), out_EDH.to_local()), mesh)
