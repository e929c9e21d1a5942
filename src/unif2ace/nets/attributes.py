"""The attribute classifier's network: a timm backbone and a linear head over its pooled features."""

from __future__ import annotations

import timm
import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError, nearest


class AttributesNet(nn.Module):
    """Pixels to attribute logits.

    Args:
        backbone: Name of a timm model.
        num_labels: Labels to predict.
        pretrained: Whether timm loads the published weights (downloads them unless they are in its cache).
        drop_rate: Dropout before the head, between 0 and 1.

    Raises:
        ConfigError: If timm has no such model.
    """

    def __init__(
        self, backbone: str = "resnet10t", num_labels: int = 46, pretrained: bool = False, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        if not timm.is_model(backbone):
            raise ConfigError(
                f"net.backbone={backbone!r}: timm has no such model{nearest(backbone, timm.list_models())}"
            )
        self.backbone = timm.create_model(backbone, pretrained=pretrained, num_classes=num_labels, drop_rate=drop_rate)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the labels.

        Args:
            image: uint8 (B, 3, H, W), 0 to 255.

        Returns:
            float (B, num_labels).
        """
        x_BCHW = image.to(next(self.parameters()).dtype) / 127.5 - 1
        logits: Tensor = self.backbone(x_BCHW.contiguous(memory_format=torch.channels_last))
        return logits
