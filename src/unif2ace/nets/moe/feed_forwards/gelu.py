"""The feed-forward network of Phi. Shapes: B sequences, L positions, D width, H hidden dimensions."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from unif2ace.nets.moe.feed_forwards.base import FeedForward


class GELUFeedForward(FeedForward):
    r"""Two linear layers around a tanh-approximated GELU: :math:`W_2\,g(W_1 x + b_1) + b_2`.

    Args:
        dim: D.
        hidden: H; None for 4 D.
        bias: Whether the linear layers have biases.
    """

    inputs = ("up",)

    def __init__(self, dim: int, hidden: int | None = None, bias: bool = True) -> None:
        super().__init__(dim, 4 * dim if hidden is None else hidden, bias)

    def activate(self, *outputs_BLH: Tensor) -> Tensor:
        """The hidden activations, (B, L, H)."""
        (up_BLH,) = outputs_BLH
        return functional.gelu(up_BLH, approximate="tanh")
