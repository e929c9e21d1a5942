"""Scores on a scale between two references, such as other faces (0) and the true faces (1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MARGIN = 0.02
"""Minimum distance of the references; below it they are at chance, and the scale would be noise."""


def rescaled(value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """``(value - low) / (high - low)``, any shape (...); NaN where high is not above low by `MARGIN`."""
    import torch

    return torch.where(high > low + MARGIN, (value - low) / (high - low), torch.nan)
