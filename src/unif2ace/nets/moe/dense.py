"""No experts: each block has one feed-forward network. Shapes: B sequences, L positions, D width."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from unif2ace.nets.moe.base import MoEFactory, TokenLayer
from unif2ace.nets.moe.feed_forwards.base import FeedForward
from unif2ace.nets.moe.feed_forwards.gelu import GELUFeedForward
from unif2ace.types import RouterStats, TokenSequence


class DenseLayer(TokenLayer):
    """One feed-forward network for all tokens; maps (B, L, D) to (B, L, D).

    Args:
        dim: D.
        hidden: Hidden dimension; None for the network's default.
        feed_forward: Builds the network from D and the hidden dimension.
    """

    def __init__(
        self, dim: int, hidden: int | None = None, feed_forward: Callable[..., FeedForward] = GELUFeedForward
    ) -> None:
        super().__init__()
        self.network = feed_forward(dim, hidden)

    def forward(self, x_BLD: Tensor, sequence: TokenSequence) -> tuple[Tensor, RouterStats | None]:
        """The network's output, (B, L, D); there are no router statistics."""
        return self.network(x_BLD), None

    def upcycled(self, dense_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of the dense network, see `TokenLayer`."""
        self.network.check_state(dense_state)
        return {f"network.{name}": value for name, value in dense_state.items()}


class DenseMoE(MoEFactory):
    """The dense baseline of the mixtures.

    Args:
        shared_ffn_dim: Hidden dimension of the feed-forward network; None for the network's default.
        feed_forward: Builds the network from the model width and the hidden dimension.
    """

    def __init__(
        self, shared_ffn_dim: int | None = None, feed_forward: Callable[..., FeedForward] = GELUFeedForward
    ) -> None:
        self.shared_ffn_dim, self.feed_forward = shared_ffn_dim, feed_forward

    def token_layer(self, dim: int) -> TokenLayer:
        """One feed-forward network."""
        return DenseLayer(dim, self.shared_ffn_dim, self.feed_forward)
