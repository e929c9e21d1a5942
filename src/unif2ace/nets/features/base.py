"""What every frozen feature network is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class FrozenFeatures(nn.Module, ABC):
    """Features of pictures that are never trained; a gradient passes through to the picture.

    Attributes:
        name: What stands beside every number made with it: network, weights' hash, input size.
        num_features: Length D of a pooled feature vector.
        likes_half: Whether a CPU computes its maps faster in bfloat16 than in float32; depthwise convolutions do not.
    """

    name: str
    num_features: int
    likes_half: bool = False

    @abstractmethod
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Maps of several depths, finest first.

        Args:
            image: float (B, 3, H, W) in [-1, 1].

        Returns:
            float (B, C_l, H_l, W_l) each.
        """

    @abstractmethod
    def pooled(self, image: Tensor) -> Tensor:
        """One vector a picture.

        Args:
            image: uint8 (B, 3, H, W), 0 to 255.

        Returns:
            float (B, D).
        """
