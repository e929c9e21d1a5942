"""Rescales scores so that one reference is 0 and another is 1, such as other faces and the true faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MARGIN = 0.02
"""Minimum difference of the two references; with a smaller difference the scale would be dominated by noise."""


def rescaled(value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """``(value - low) / (high - low)``, any shape (...); NaN unless ``high > low + MARGIN``."""
    import torch

    return torch.where(high > low + MARGIN, (value - low) / (high - low), torch.nan)
