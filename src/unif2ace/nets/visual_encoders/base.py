"""What every condition encoder offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from unif2ace.types import Condition


class VisualEncoder(nn.Module, ABC):
    """A frozen network that tells something of pictures. Its weights stay out of checkpoints.

    Attributes:
        dim: Numbers of each vector, F.
    """

    dim: int

    @abstractmethod
    def forward(self, image: Tensor) -> Condition:
        """What it says of uint8 (B, 3, H, W)."""
