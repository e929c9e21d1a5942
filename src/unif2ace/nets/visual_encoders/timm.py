"""What a frozen timm backbone sees in a picture: its last map's cells, or one pooled vector."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.features.timm import TimmFeatures
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.types import Condition


class TimmEncoder(VisualEncoder):
    """Vectors of a backbone, in float32. Never trained.

    Args:
        backbone: Name of a timm model.
        dim: Length of its vectors, F.
        weights: A file of weights; see `unif2ace.nets.features.timm.TimmFeatures`.
        prefix: Take only the file's names that start so, without it.
        pretrained: Whether timm loads published weights instead (downloads them unless they are in its cache).
        input_size: Side in pixels to which pictures are resized.
        pooled: Whether to give the pooled vector, M = 1, and not each cell of the last map, M = h w.
        mean: Of the pixel values that the weights expect, in 0..1; None for the backbone's own.
        std: Their spread, likewise.

    Raises:
        ConfigError: If timm has no such model, there are no weights, they do not fit, or its vectors are of another
            length.
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
                f"visual_encoder.timm.dim={dim}: {backbone} gives vectors of {found} numbers; set dim to that"
            )

    def train(self, mode: bool = True) -> TimmEncoder:
        """Stays in evaluation mode: moving statistics must not move."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Condition:
        """The vectors, (B, M, F), of uint8 (B, 3, H, W); all rows are present."""
        present = torch.ones(len(image), dtype=torch.bool, device=image.device)
        if self.pooled:
            return Condition(self.net.pooled(image)[:, None], present)
        with torch.autocast(image.device.type, enabled=False):
            map_BFhw = self.net(image.float() / 127.5 - 1)[-1]
        return Condition(map_BFhw.flatten(2).transpose(1, 2), present)
