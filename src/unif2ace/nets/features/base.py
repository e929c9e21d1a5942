"""Base class of the frozen feature networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from torch import Tensor, nn


class FrozenFeatures(nn.Module, ABC):
    """A feature network for images that is never trained; gradients pass through to the image.

    Attributes:
        name: Name of the network, a hash of its weights and the input size; reported with every metric that uses it.
        num_features: Length D of a pooled feature vector.
        likes_half: Whether `forward` is faster in bfloat16 than in float32 on a CPU; False for depthwise convolutions.
    """

    name: str
    num_features: int
    likes_half: bool = False

    def train(self, mode: bool = True) -> Self:
        """Stays in evaluation mode, so that running statistics do not change."""
        return super().train(False)

    @abstractmethod
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of several depths, finest first.

        Args:
            image: float (B, 3, H, W) in [-1, 1].

        Returns:
            Feature maps, float (B, C, h, w); C, h and w differ between the maps.
        """

    @abstractmethod
    def pooled(self, image: Tensor) -> Tensor:
        """One feature vector per image.

        Args:
            image: uint8 (B, 3, H, W), 0 to 255.

        Returns:
            float (B, D).
        """
