"""The token level: each token passes a shared expert and routed experts of its task's group.

Shapes: B sequences, L positions, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.moe.backends import Backend, expert_backend
from unif2ace.nets.moe.base import MoEFactory, TokenLayer
from unif2ace.nets.moe.feed_forward import FeedForward
from unif2ace.nets.moe.routed import RoutedExperts
from unif2ace.nets.moe.router import group_of
from unif2ace.types import RouterStats, TokenSequence

Shared = Literal["each", "tied", "none"]
"""A shared expert for each group, one for both, or none."""


class TokenLevel(TokenLayer):
    r"""Each token passes its group's shared expert and its K routed ones (UniF2ace, arXiv 2503.08120).

    Formula: :math:`E_s(x) + \sum_{e \in \mathrm{top}\,K} g_e(x)\,E_e(x)`.

    Args:
        dim: D.
        routed: The routed experts.
        hidden: Hidden numbers of a shared expert; None for 4 D.
        shared: Whether groups share it.

    Raises:
        ConfigError: If `shared` is none of its words.
    """

    def __init__(self, dim: int, routed: RoutedExperts, hidden: int | None = None, shared: Shared = "each") -> None:
        super().__init__()
        numbers = {"each": 2, "tied": 1, "none": 0}
        if shared not in numbers:
            raise ConfigError(f"moe.shared={shared!r}: take each, tied or none{nearest(shared, numbers)}")
        self.shared = nn.ModuleList(FeedForward(dim, hidden) for _ in range(numbers[shared]))
        self.routed = routed

    def forward(self, x_BLD: Tensor, sequence: TokenSequence) -> tuple[Tensor, RouterStats | None]:
        """The sum of the experts, (B, L, D)."""
        y_BLD, stats = self.routed(x_BLD, group_of(sequence.task), sequence.real)
        return (y_BLD + self._shared(x_BLD, sequence) if self.shared else y_BLD), stats

    def _shared(self, x_BLD: Tensor, sequence: TokenSequence) -> Tensor:
        if len(self.shared) == 1:
            tied: Tensor = self.shared[0](x_BLD)
            return tied
        order_B, und = group_of(sequence.task).argsort(stable=True), sequence.understanding_rows
        parts = torch.split(x_BLD.index_select(0, order_B), [len(order_B) - und, und])
        # both run, though on no row: DDP waits for their gradients
        both_BLD = torch.cat([expert(part) for expert, part in zip(self.shared, parts, strict=True)])
        return both_BLD.index_select(0, order_B.argsort())

    @torch.no_grad()
    def upcycle_(self, dense_state: Mapping[str, Tensor]) -> None:
        """Makes the dense network the shared expert and the routed ones give 0; their weights back still learn.

        Args:
            dense_state: State of its `FeedForward`.

        Raises:
            ConfigError: If there is no shared expert, or it is of another size.
        """
        if not self.shared:
            raise ConfigError("moe.shared=none: a dense network becomes the shared expert; take tied or each")
        for expert in self.shared:
            assert isinstance(expert, FeedForward)
            expert.copy_(dense_state)
        self.routed.weight_out.zero_()


class TokenMoE(MoEFactory):
    """Two groups of experts, for generation and for understanding; each token is routed within its row's group.

    Args:
        num_experts: Routed experts of a group.
        top_k: How many of them a token takes.
        expert_ffn_dim: Hidden numbers of a routed expert; None for half the width of the stream.
        shared_ffn_dim: Hidden numbers of a shared expert; None for four times that width.
        shared: ``each`` group its own shared expert, one ``tied`` for both (as an upcycled model has), or ``none``.
        backend: How routed experts are computed: ``auto``, ``cpu``, ``grouped_mm``, ``loop``, or an `ExpertBackend`.
    """

    def __init__(
        self,
        num_experts: int = 8,
        top_k: int = 4,
        expert_ffn_dim: int | None = None,
        shared_ffn_dim: int | None = None,
        shared: Shared = "each",
        backend: Backend = "auto",
    ) -> None:
        self.num_experts, self.top_k, self.expert_ffn_dim = num_experts, top_k, expert_ffn_dim
        self.shared_ffn_dim, self.shared, self.backend = shared_ffn_dim, shared, expert_backend(backend)

    def token_layer(self, dim: int) -> TokenLayer:
        """Shared and routed experts."""
        routed = RoutedExperts(dim, self.expert_ffn_dim, self.num_experts, self.top_k, backend=self.backend)
        return TokenLevel(dim, routed, self.shared_ffn_dim, self.shared)
