"""No experts: each block has one feed-forward network. B rows, L columns, D width."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from unif2ace.nets.moe.base import MoEFactory, TokenLayer
from unif2ace.nets.moe.feed_forward import FeedForward
from unif2ace.types import RouterStats, TokenSequence


class DenseLayer(TokenLayer):
    """One network for all tokens.

    Args:
        dim: D.
        hidden: Hidden numbers; None for 4 D.
    """

    def __init__(self, dim: int, hidden: int | None = None) -> None:
        super().__init__()
        self.network = FeedForward(dim, hidden)

    def forward(self, x_BLD: Tensor, sequence: TokenSequence) -> tuple[Tensor, RouterStats | None]:
        """The network's output, (B, L, D); there are no routers."""
        return self.network(x_BLD), None

    def upcycle_(self, dense_state: Mapping[str, Tensor]) -> None:
        """Takes the weights as they are."""
        self.network.copy_(dense_state)


class DenseMoE(MoEFactory):
    """The dense model that mixtures are compared with.

    Args:
        shared_ffn_dim: Hidden numbers of the feed-forward network; None for four times the width of the stream.
    """

    def __init__(self, shared_ffn_dim: int | None = None) -> None:
        self.shared_ffn_dim = shared_ffn_dim

    def token_layer(self, dim: int) -> TokenLayer:
        """One network."""
        return DenseLayer(dim, self.shared_ffn_dim)
