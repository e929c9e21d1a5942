"""The feed-forward network of Llama and Qwen. Shapes: B sequences, L positions, D width, H hidden dimensions."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from unif2ace.nets.moe.feed_forwards.base import FeedForward


class SwiGLUFeedForward(FeedForward):
    r"""Three linear layers: :math:`W_3\,(\mathrm{silu}(W_1 x) \odot W_2 x)` (SwiGLU, arXiv 2002.05202, section 2).

    Args:
        dim: D.
        hidden: H; None for 8/3 D, rounded up to a multiple of 8, for about as many weights as in `GELUFeedForward`.
        bias: Whether the linear layers have biases.
    """

    inputs = ("gate", "up")

    def __init__(self, dim: int, hidden: int | None = None, bias: bool = False) -> None:
        super().__init__(dim, 8 * -(-dim // 3) if hidden is None else hidden, bias)

    def activate(self, *outputs_BLH: Tensor) -> Tensor:
        """The hidden activations, (B, L, H)."""
        gate_BLH, up_BLH = outputs_BLH
        return functional.silu(gate_BLH) * up_BLH
