"""Token-level experts: a shared expert and routed experts of its task's group process each token.

Shapes: T tokens of all sequences, D width.
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
from unif2ace.nets.moe.routed import RoutedExperts, RouterInput
from unif2ace.nets.moe.routers.base import Router, group_of
from unif2ace.nets.moe.routers.top_k import TopKRouter
from unif2ace.types import Role, RouterStats, SequenceParts

Shared = Literal["each", "tied", "none"]
"""One shared expert per group, one for both, or none."""


class TokenLevel(TokenLayer):
    r"""Sums the group's shared expert and K routed experts of each token; maps (T, D) to (T, D).

    Formula (UniF2ace, arXiv 2503.08120): :math:`E_s(x) + \sum_{e \in \mathrm{top}\,K} g_e(x)\,E_e(x)`.

    Args:
        dim: D.
        routed: The routed experts.
        hidden: Hidden dimension of a shared expert; None for the default of `feed_forward`.
        shared: ``each`` group has its own shared expert, ``tied`` has one for both groups, ``none`` has none.
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

    def forward(self, x_TD: Tensor, sequences: SequenceParts) -> tuple[Tensor, RouterStats | None]:
        """The sum of the experts, (T, D)."""
        inputs = [
            RouterInput(group_of(part.task), part.real, part.role == Role.IMAGE, times)
            for part, times in zip(sequences.parts, sequences.copies, strict=True)
        ]
        y_TD, stats = self.routed(x_TD, inputs)
        return (y_TD + self._shared(x_TD, sequences) if self.shared else y_TD), stats

    def _shared(self, x_TD: Tensor, sequences: SequenceParts) -> Tensor:
        if len(self.shared) == 1:
            tied: Tensor = self.shared[0](x_TD)
            return tied
        order_T, und = sequences.by_task
        ordered_TD = x_TD if order_T is None else x_TD.index_select(0, order_T)
        pieces = torch.split(ordered_TD, [len(x_TD) - und, und])
        # both run, even on an empty batch: DDP waits for their gradients
        both_TD = torch.cat([expert(piece) for expert, piece in zip(self.shared, pieces, strict=True)])
        return both_TD if order_T is None else both_TD.index_select(0, order_T.argsort())

    def upcycled(self, dense_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The dense network as shared expert, and zero output weights of the routed experts.

        Args:
            dense_state: State of the dense network's `FeedForward`, such as ``up.weight`` (H, D) and ``down.weight``
                (D, H).

        Raises:
            ConfigError: If there is no shared expert or its size differs.
        """
        if not self.shared:
            raise ConfigError(
                "moe.shared=none: a dense network becomes the shared expert; set moe.shared=tied or moe.shared=each"
            )
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
        shared_ffn_dim: Hidden dimension of a shared expert; None for the default of `feed_forward`.
        shared: ``each`` group has its own shared expert, ``tied`` has one for both groups (as in an upcycled model),
            ``none`` has none.
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
