"""What our own attribute classifier sees in a picture: the features that its heads read."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.types import Condition


class ClassifierEncoder(VisualEncoder):
    """One vector a picture, in float32. Never trained.

    Args:
        net: Makes a trained `unif2ace.nets.attributes.AttributesNet`.
        dim: Length of its features, F, such as 512 for resnet10t.

    Raises:
        ConfigError: If the network has another length.
    """

    def __init__(self, net: Callable[[], nn.Module], dim: int) -> None:
        super().__init__()
        self.net, self.dim = net().eval().requires_grad_(False), dim
        if self.net.num_features != dim:
            raise ConfigError(
                f"visual_encoder.classifier.dim={dim}: the classifier gives {self.net.num_features}; set it"
            )

    def train(self, mode: bool = True) -> ClassifierEncoder:
        """Stays in evaluation mode: moving statistics must not move."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Condition:
        """The features, (B, 1, F), of uint8 (B, 3, H, W); all rows are present."""
        with torch.autocast(image.device.type, enabled=False):
            features_BF: Tensor = self.net.features(image)  # type: ignore[operator]
        return Condition(features_BF[:, None], torch.ones(len(image), dtype=torch.bool, device=image.device))
