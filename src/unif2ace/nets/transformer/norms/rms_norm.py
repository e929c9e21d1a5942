"""Root-mean-square normalisation (arXiv 1910.07467), as in Llama and Qwen."""

from __future__ import annotations

from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """Divides by the root mean square, with a trained scale; maps (..., D) to (..., D).

    Args:
        dim: D.
        eps: Added to the mean square.
    """

    def __init__(self, dim: int, eps: float = 1e-5) -> None:
        super().__init__(dim, eps)

    def forward(self, x: Tensor) -> Tensor:
        """The normalised values (..., D), in the dtype of the scale; autocast does not affect this operation."""
        return super().forward(x.to(self.weight.dtype))
