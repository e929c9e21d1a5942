"""Visual features from the attribute classifier: the input of its heads.

Shapes: B images of H x W pixels, F features.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.types import Condition


class ClassifierEncoder(VisualEncoder):
    """One vector per image, float32 (B, 1, F). Never trained.

    Args:
        net: Builds a trained `unif2ace.nets.attributes.AttributesNet`.
        dim: Dimension of its features, F, such as 512 for resnet10t.

    Raises:
        ConfigError: If the network's features do not have `dim` dimensions.
    """

    def __init__(self, net: Callable[[], nn.Module], dim: int) -> None:
        super().__init__()
        self.net, self.dim = net().eval().requires_grad_(False), dim
        if self.net.num_features != dim:
            raise ConfigError(
                f"visual_encoder.classifier.dim={dim}: the classifier's features have {self.net.num_features} "
                f"dimensions; set visual_encoder.classifier.dim={self.net.num_features}"
            )

    def train(self, mode: bool = True) -> ClassifierEncoder:
        """Stays in evaluation mode, so that running statistics do not change."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Condition:
        """The features, (B, 1, F), of uint8 (B, 3, H, W); present for all samples."""
        with torch.autocast(image.device.type, enabled=False):
            features_BF: Tensor = self.net.features(image)  # type: ignore[operator]
        return Condition(features_BF[:, None], torch.ones(len(image), dtype=torch.bool, device=image.device))
