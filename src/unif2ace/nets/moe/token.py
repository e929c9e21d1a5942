"""Token-level experts: each token passes a shared expert and the routed experts of its task's group.

Shapes: B sequences, L positions, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.moe.backends import Backend, expert_backend
from unif2ace.nets.moe.base import MoEFactory, TokenLayer
from unif2ace.nets.moe.feed_forwards.base import FeedForward
from unif2ace.nets.moe.feed_forwards.gelu import GELUFeedForward
from unif2ace.nets.moe.routed import RoutedExperts
from unif2ace.nets.moe.routers.base import Router, group_of
from unif2ace.nets.moe.routers.top_k import TopKRouter
from unif2ace.types import Role, RouterStats, TokenSequence

Shared = Literal["each", "tied", "none"]
"""One shared expert per group, one for both, or none."""


class TokenLevel(TokenLayer):
    r"""Adds the group's shared expert and K routed experts for each token; maps (B, L, D) to (B, L, D).

    Formula (UniF2ace, arXiv 2503.08120): :math:`E_s(x) + \sum_{e \in \mathrm{top}\,K} g_e(x)\,E_e(x)`.

    Args:
        dim: D.
        routed: The routed experts.
        hidden: Hidden dimension of a shared expert; None for its default.
        shared: Whether groups share it: ``each``, ``tied`` or ``none``.
        feed_forward: Builds a shared expert from D and the hidden dimension.

    Raises:
        ConfigError: If `shared` is unknown.
    """

    def __init__(
        self,
        dim: int,
        routed: RoutedExperts,
        hidden: int | None = None,
        shared: Shared = "each",
        feed_forward: Callable[..., FeedForward] = GELUFeedForward,
    ) -> None:
        super().__init__()
        numbers = {"each": 2, "tied": 1, "none": 0}
        if shared not in numbers:
            raise ConfigError(f"moe.shared={shared!r}: take each, tied or none{nearest(shared, numbers)}")
        self.shared = nn.ModuleList(feed_forward(dim, hidden) for _ in range(numbers[shared]))
        self.routed = routed

    def forward(self, x_BLD: Tensor, sequence: TokenSequence) -> tuple[Tensor, RouterStats | None]:
        """The sum of the experts, (B, L, D)."""
        y_BLD, stats = self.routed(x_BLD, group_of(sequence.task), sequence.real, sequence.role == Role.IMAGE)
        return (y_BLD + self._shared(x_BLD, sequence) if self.shared else y_BLD), stats

    def _shared(self, x_BLD: Tensor, sequence: TokenSequence) -> Tensor:
        if len(self.shared) == 1:
            tied: Tensor = self.shared[0](x_BLD)
            return tied
        order_B, und = group_of(sequence.task).argsort(stable=True), sequence.understanding_rows
        parts = torch.split(x_BLD.index_select(0, order_B), [len(order_B) - und, und])
        # both run, even on an empty batch: DDP waits for their gradients
        both_BLD = torch.cat([expert(part) for expert, part in zip(self.shared, parts, strict=True)])
        return both_BLD.index_select(0, order_B.argsort())

    def upcycled(self, dense_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The dense network as shared expert, and zero output weights of the routed experts.

        Args:
            dense_state: State of its `FeedForward`, such as ``up.weight`` (H, D) and ``down.weight`` (D, H).

        Raises:
            ConfigError: If there is no shared expert or its size differs.
        """
        if not self.shared:
            raise ConfigError("moe.shared=none: a dense network becomes the shared expert; take tied or each")
        made = {"routed.weight_out": torch.zeros(self.routed.weight_out.shape)}
        for number, expert in enumerate(self.shared):
            assert isinstance(expert, FeedForward)
            expert.check_state(dense_state)
            made |= {f"shared.{number}.{name}": value for name, value in dense_state.items()}
        return made


class TokenMoE(MoEFactory):
    """Two groups of experts, for generation and understanding; each token is routed within its sequence's group.

    Args:
        num_experts: Number of routed experts per group.
        top_k: Number of routed experts per token.
        expert_ffn_dim: Hidden dimension of a routed expert; None for half the model width.
        shared_ffn_dim: Hidden dimension of a shared expert; None for its default.
        shared: ``each`` group has its own shared expert, one is ``tied`` for both (as in an upcycled model), or
            ``none``.
        backend: How routed experts are computed: ``auto``, ``cpu``, ``grouped_mm``, ``loop``, or an `ExpertBackend`.
        router: Makes the router of the routed experts.
        feed_forward: Builds a shared expert from the model width and the hidden dimension.
    """

    def __init__(
        self,
        num_experts: int = 8,
        top_k: int = 4,
        expert_ffn_dim: int | None = None,
        shared_ffn_dim: int | None = None,
        shared: Shared = "each",
        backend: Backend = "auto",
        router: Callable[..., Router] = TopKRouter,
        feed_forward: Callable[..., FeedForward] = GELUFeedForward,
    ) -> None:
        self.router, self.feed_forward = router, feed_forward
        self.num_experts, self.top_k, self.expert_ffn_dim = num_experts, top_k, expert_ffn_dim
        self.shared_ffn_dim, self.shared, self.backend = shared_ffn_dim, shared, expert_backend(backend)

    def token_layer(self, dim: int) -> TokenLayer:
        """Shared and routed experts."""
        sizes = dim, self.expert_ffn_dim, self.num_experts, self.top_k
        routed = RoutedExperts(*sizes, backend=self.backend, router=self.router)
        return TokenLevel(dim, routed, self.shared_ffn_dim, self.shared, self.feed_forward)
