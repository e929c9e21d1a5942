"""Layer normalisation (arXiv 1607.06450), as in Phi."""

from __future__ import annotations

from torch import nn


class LayerNorm(nn.LayerNorm):
    """Subtracts the mean and divides by the standard deviation, with trained scale and offset; (..., D) to (..., D).

    Args:
        dim: D.
        eps: Added to the variance.
    """

    def __init__(self, dim: int, eps: float = 1e-5) -> None:
        super().__init__(dim, eps)
