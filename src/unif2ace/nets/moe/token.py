"""Experts for each token."""

from __future__ import annotations

from unif2ace.nets.moe.base import MoE, TokenLayer
from unif2ace.nets.moe.experts.base import Experts
from unif2ace.nets.moe.routed import RoutedExperts
from unif2ace.nets.moe.token_level import Shared, TokenLevel


class TokenMoE(MoE):
    """Two groups of experts, for generation and for understanding; each token is routed within its row's group.

    Args:
        num_experts: Routed experts of a group.
        top_k: How many of them a token takes.
        expert_hidden: Hidden numbers of a routed expert; None for half the width of the stream.
        hidden: Hidden numbers of a shared expert; None for four times that width.
        shared: ``each`` group its own shared expert, one ``tied`` for both (as an upcycled model has), or ``none``.
        experts: Way to compute routed experts; None to choose it by device, dtype and load.
    """

    def __init__(
        self,
        num_experts: int = 8,
        top_k: int = 4,
        expert_hidden: int | None = None,
        hidden: int | None = None,
        shared: Shared = "each",
        experts: Experts | None = None,
    ) -> None:
        self.num_experts, self.top_k, self.expert_hidden = num_experts, top_k, expert_hidden
        self.hidden, self.shared, self.experts = hidden, shared, experts

    def token_layer(self, dim: int) -> TokenLayer:
        """Shared and routed experts."""
        routed = RoutedExperts(dim, self.expert_hidden, self.num_experts, self.top_k, experts=self.experts)
        return TokenLevel(dim, routed, self.hidden, self.shared)
