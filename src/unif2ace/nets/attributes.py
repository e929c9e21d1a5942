"""The attribute classifier: a timm backbone and one linear head per group of attributes.

Shapes: B images of H x W pixels, D features, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.images import check_images
from unif2ace.nets.resnet10t import CHANNELS, ResNet10T

PACKAGED = "tf_efficientnet_lite0"
"""The timm backbone whose ImageNet weights an installed package provides, without a download."""


class AttributesNet(nn.Module):
    """Maps images, uint8 (B, 3, H, W), to attribute logits (B, A).

    Logits are calibrated after training (Platt, *Probabilistic outputs for support vector machines*, 1999). In
    evaluation mode they are ``scale * logits + shift``, with one scale and one shift per attribute. In training mode
    they are not calibrated.

    Args:
        groups: Name of the group of each attribute, A in total; each group has its own linear head.
        backbone: Name of a timm model.
        pretrained: Whether to start from published weights. `PACKAGED` takes them from an installed package. For other
            backbones timm downloads them unless they are cached.
        drop_rate: Dropout probability before the heads, in [0, 1].
        input_size: Side in pixels to which images are resized; None keeps their size.
        options: Further arguments of the timm model, such as ``{"channels": [32, 64, 128, 256]}`` for a ResNet.

    Raises:
        ConfigError: If timm has no such model.
    """

    scale: Tensor
    """float (A,), calibration scale."""
    shift: Tensor
    """float (A,), calibration shift."""
    order: Tensor
    """int64 (A,), index of each attribute in the heads' concatenated outputs."""

    def __init__(
        self,
        groups: Sequence[str],
        backbone: str = "resnet10t",
        pretrained: bool = False,
        drop_rate: float = 0.0,
        input_size: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.backbone = _backbone(backbone, pretrained, dict(options or {}))
        self.num_features = int(self.backbone.num_features)
        self.dropout = nn.Dropout(drop_rate)
        names = list(dict.fromkeys(groups))
        self.heads = nn.ModuleDict({name: nn.Linear(self.num_features, list(groups).count(name)) for name in names})
        joined = [place for name in names for place, group in enumerate(groups) if group == name]
        self.register_buffer("order", torch.tensor(joined).argsort(), persistent=False)
        self.register_buffer("scale", torch.ones(len(groups)))
        self.register_buffer("shift", torch.zeros(len(groups)))

    def features(self, image: Tensor) -> Tensor:
        """Pooled features, the heads' input.

        Args:
            image: uint8 (B, 3, H, W), 0 to 255.

        Returns:
            float (B, D).

        Raises:
            DataError: If `image` is not uint8 (B, 3, H, W).
        """
        x_BCHW = check_images(image).to(self.scale.dtype) / 127.5 - 1
        if self.input_size is not None and x_BCHW.shape[-2:] != (self.input_size, self.input_size):
            x_BCHW = interpolate(x_BCHW, (self.input_size, self.input_size), mode="bicubic", antialias=True)
        pooled_BD: Tensor = self.backbone(x_BCHW.contiguous(memory_format=torch.channels_last))
        return pooled_BD

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the attributes, calibrated in evaluation mode.

        Args:
            image: uint8 (B, 3, H, W), 0 to 255.

        Returns:
            float (B, A).
        """
        features_BD = self.dropout(self.features(image))
        logits_BA = torch.cat([head(features_BD) for head in self.heads.values()], dim=1)[:, self.order]
        return logits_BA if self.training else logits_BA * self.scale + self.shift

    def probabilities(self, image: Tensor) -> Tensor:
        """Calibrated attribute probabilities; the network must be in evaluation mode.

        Args:
            image: uint8 (B, 3, H, W), 0 to 255.

        Returns:
            float32 (B, A), 0 to 1.
        """
        logits_BA: Tensor = self(image)
        return logits_BA.float().sigmoid()


def _backbone(name: str, pretrained: bool, options: Mapping[str, Any]) -> Any:
    channels = options.get("channels", CHANNELS)
    if name == "resnet10t" and not pretrained and options.keys() <= {"channels"} and len(channels) == len(CHANNELS):
        return ResNet10T(channels)
    import timm

    if not timm.is_model(name):
        raise ConfigError(f"net.backbone={name!r}: timm has no such model{nearest(name, timm.list_models())}")
    if pretrained and name == PACKAGED:
        from unif2ace.nets.features.efficientnet_lite0 import EfficientNetLite0Features

        backbone = EfficientNetLite0Features().net.requires_grad_(True).train()
        backbone.reset_classifier(0)
        return backbone
    return timm.create_model(name, pretrained=pretrained, num_classes=0, **options)
