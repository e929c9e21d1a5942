"""Routed experts of all groups.

Shapes: B sequences, L positions, T tokens of all sequences, D width, N experts per group, G groups, H hidden
dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.backends import Backend, expert_backend
from unif2ace.nets.moe.backends.dispatch import Dispatch
from unif2ace.nets.moe.backends.sharded import ShardedBackend
from unif2ace.nets.moe.routers.base import Router, Routing, added
from unif2ace.nets.moe.routers.top_k import TopKRouter
from unif2ace.nets.sharding import DividedWeight, shard_weight_
from unif2ace.types import RouterStats, joined

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


class RouterInput(NamedTuple):
    """What a router reads about the tokens of B sequences of length L.

    Attributes:
        group: int64 (B,), expert group of each sequence, in [0, G).
        real: bool (B, L), False for padding.
        together: bool (B, L), positions that attend to each other, see `Router.forward`; None for none.
        times: How many times each token is counted in the router statistics.
    """

    group: Tensor
    real: Tensor
    together: Tensor | None = None
    times: int = 1


class RoutedExperts(nn.Module):
    """A router with SwiGLU experts without biases; maps (T, D) to (T, D).

    One sort and one pair of grouped matrix products serve both groups. Experts have no capacity limit, so no token is
    dropped. Padding is not routed and its output is 0.

    Args:
        dim: D.
        hidden: H; None for D / 2.
        num_experts: N.
        top_k: Number of experts per token.
        groups: G, 1 or 2.
        backend: How the experts are computed, see `expert_backend`.
        router: Makes the router.

    Raises:
        ConfigError: If a value is out of range.
    """

    weight_kind = "stack"  # see `unif2ace.optimizers.parameter_groups`

    def __init__(
        self,
        dim: int,
        hidden: int | None = None,
        num_experts: int = 8,
        top_k: int = 4,
        groups: int = 2,
        backend: Backend = "auto",
        router: Callable[..., Router] = TopKRouter,
    ) -> None:
        super().__init__()
        hidden = max(1, dim // 2) if hidden is None else hidden
        if hidden < 1:
            raise ConfigError(f"moe.expert_ffn_dim={hidden}: it must be 1 or more")
        self.router = router(dim, num_experts, top_k, "token", groups)
        self.weight_in = nn.Parameter(torch.empty(groups * num_experts, 2, hidden, dim))
        self.weight_out = nn.Parameter(torch.empty(groups * num_experts, dim, hidden))
        self._expert_backend = ShardedBackend(expert_backend(backend))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialises the weights of each expert as `nn.Linear` does."""
        for weight in (self.weight_in, self.weight_out):
            bound = weight.shape[-1] ** -0.5
            nn.init.uniform_(weight, -bound, bound)

    def divided_weights(self) -> list[DividedWeight]:
        """The hidden dimensions of every expert, see `unif2ace.nets.sharding.Divisible`."""
        return [(self, "weight_in", 2), (self, "weight_out", 2)]

    def shard_(self, mesh: DeviceMesh) -> None:
        """Shards the hidden dimensions of every expert over the ranks; the router stays replicated."""
        for module, name, axis in self.divided_weights():
            shard_weight_(module, name, axis, mesh, "moe.expert_ffn_dim")

    def forward(self, x_TD: Tensor, inputs: Sequence[RouterInput]) -> tuple[Tensor, RouterStats]:
        """The gated sum of the experts, (T, D), and the router statistics.

        Args:
            x_TD: float (T, D), tokens of all inputs, one after the other.
            inputs: Group, padding and counts of the sequences, in the order of their tokens.
        """
        rows = torch.split(x_TD, [i.real.numel() for i in inputs])
        routings = [self._route(x, i) for x, i in zip(rows, inputs, strict=True)]
        device = x_TD.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x_TD.dtype
        expert_TK = joined([r.expert.flatten(0, 1) for r in routings])
        most = [r.most for r in routings]
        slots = None if None in most else sum(cast("list[int]", most))
        dispatch = Dispatch.of(expert_TK, len(self.weight_out), slots)
        y_TD = self._expert_backend(
            x_TD.to(dtype),
            joined([r.gate.flatten(0, 1) for r in routings]),
            dispatch,
            self.weight_in.to(dtype),  # grouped products ignore autocast
            self.weight_out.to(dtype),
        )
        return y_TD, added([r.stats for r in routings], [i.times for i in inputs])

    def _route(self, x_XD: Tensor, given: RouterInput) -> Routing:
        x_BLD = x_XD.view(*given.real.shape, x_XD.shape[1])
        routing: Routing = self.router(x_BLD, given.group, given.real, together_BL=given.together)
        return routing
