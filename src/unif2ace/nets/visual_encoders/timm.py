"""Visual features from a frozen timm backbone: the cells of its last map, or one pooled vector.

Shapes: B images of H x W pixels, M vectors of F values.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.features.timm import TimmFeatures
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.types import Condition


class TimmEncoder(VisualEncoder):
    """Features of a timm backbone, float32 (B, M, F). Never trained.

    Args:
        backbone: Name of a timm model.
        dim: Dimension of its features, F.
        weights: A weights file; see `unif2ace.nets.features.timm.TimmFeatures`.
        prefix: Load only tensors whose names start with this prefix; the prefix is removed.
        pretrained: Whether timm loads published weights instead of a file, downloaded unless cached.
        input_size: Side in pixels to which images are resized.
        pooled: Whether to return the pooled vector, M = 1, instead of each cell of the last map, M = h w.
        mean: Mean per channel with which the weights were trained, for pixel values in [0, 1]; None for timm's value of
            the backbone.
        std: Standard deviation per channel; None for timm's value of the backbone.

    Raises:
        ConfigError: If timm has no such model, weights are missing or do not fit, or `dim` does not fit.
    """

    def __init__(
        self,
        backbone: str,
        dim: int,
        weights: str | None = None,
        prefix: str = "",
        pretrained: bool = False,
        input_size: int = 224,
        pooled: bool = False,
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.pooled = dim, pooled
        try:
            self.net = TimmFeatures(backbone, weights, prefix, pretrained, input_size, input_size, mean, std)
        except ConfigError as error:
            raise ConfigError(f"visual_encoder=timm: {error}") from error
        self.net.eval().requires_grad_(False)
        found = self.net.num_features if pooled else self.net.net.feature_info[-1]["num_chs"]
        if found != dim:
            raise ConfigError(
                f"visual_encoder.timm.dim={dim}: the features of {backbone} have {found} dimensions; set "
                f"visual_encoder.timm.dim={found}"
            )

    def train(self, mode: bool = True) -> TimmEncoder:
        """Stays in evaluation mode, so that running statistics do not change."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Condition:
        """The features, (B, M, F), of uint8 (B, 3, H, W); present for all samples."""
        present = torch.ones(len(image), dtype=torch.bool, device=image.device)
        if self.pooled:
            return Condition(self.net.pooled(image)[:, None], present)
        with torch.autocast(image.device.type, enabled=False):
            map_BFhw = self.net(image.float() / 127.5 - 1)[-1]
        return Condition(map_BFhw.flatten(2).transpose(1, 2), present)
