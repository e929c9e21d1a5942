"""Base class of the visual encoders. Shapes: B images of H x W pixels, M vectors of F values per image."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from unif2ace.types import Condition


class VisualEncoder(nn.Module, ABC):
    """A frozen network that maps images (B, 3, H, W) to features (B, M, F). Checkpoints exclude its weights.

    Attributes:
        dim: Dimension of each vector, F.
    """

    dim: int

    @abstractmethod
    def forward(self, image: Tensor) -> Condition:
        """Features (B, M, F) of uint8 (B, 3, H, W)."""
