"""Base class of the visual encoders. Shapes: B images of H x W pixels, M vectors of F values per image."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from unif2ace.nets.images import check_images
from unif2ace.types import Condition


class VisualEncoder(nn.Module, ABC):
    """A frozen network that maps images (B, 3, H, W) to features (B, M, F). Checkpoints exclude its weights.

    Attributes:
        dim: Dimension of each vector, F.
    """

    dim: int

    def __init__(self) -> None:
        super().__init__()
        self.register_forward_pre_hook(_check)

    @abstractmethod
    def forward(self, image: Tensor) -> Condition:
        """Features (B, M, F) of uint8 (B, 3, H, W)."""


def _check(encoder: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Checks that an encoder is given uint8 (B, 3, H, W)."""
    for image in inputs:
        check_images(image)
