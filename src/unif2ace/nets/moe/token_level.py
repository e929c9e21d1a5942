"""The token level: a shared expert and routed ones. B rows, L columns, D width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.moe.base import TokenLayer
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
