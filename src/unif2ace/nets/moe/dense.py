"""No experts: each block has one feed-forward network. Shapes: T tokens, D width."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from unif2ace.nets.moe.base import MoEFactory, TokenLayer
from unif2ace.nets.moe.feed_forwards.base import FeedForward
from unif2ace.nets.moe.feed_forwards.gelu import GELUFeedForward
from unif2ace.types import RouterStats, SequenceParts


class DenseLayer(TokenLayer):
    """One feed-forward network for all tokens; maps (T, D) to (T, D).

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

    def forward(self, x_TD: Tensor, sequences: SequenceParts) -> tuple[Tensor, RouterStats | None]:
        """The network's output, (T, D); there are no router statistics."""
        return self.network(x_TD), None

    def upcycled(self, dense_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of the dense network, see `TokenLayer`."""
        self.network.check_state(dense_state)
        return {f"network.{name}": value for name, value in dense_state.items()}


class DenseMoE(MoEFactory):
    """Builds a dense baseline without experts.

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
