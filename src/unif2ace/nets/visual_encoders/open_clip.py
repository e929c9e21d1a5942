"""Visual features from a CLIP image tower: one vector per patch. Needs the package ``open_clip_torch``.

Shapes: B images of H x W pixels, M patches of F values.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.types import Condition


class OpenClipEncoder(VisualEncoder):
    """Patch features of a CLIP tower (arXiv 2103.00020), float32 (B, M, F). Never trained.

    Args:
        model: Name of an OpenCLIP model whose tower is a vision transformer.
        pretrained: A weights file, or the name of published weights, which are downloaded unless cached.
        dim: Dimension of a patch's vector, F: the width of the tower.
        layer: Negative index of the layer whose output is used; -1 is the last layer. Show-o and LLaVA use -2.

    Raises:
        ConfigError: If the package is missing, there is no such model, or weights or `dim` do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: str, pretrained: str, dim: int, layer: int = -2) -> None:
        super().__init__()
        if layer >= 0:
            raise ConfigError(f"visual_encoder.open_clip.layer={layer}: it must be negative; -1 is the last layer")
        tower = _tower(model, pretrained)
        self.dim, self.layer = dim, layer
        self.tower = tower.float().eval().requires_grad_(False)
        found = getattr(getattr(tower, "conv1", None), "out_channels", None)
        if found != dim:
            what = "is not a vision transformer"
            if found is not None:
                what = f"has {found} dimensions; set visual_encoder.open_clip.dim={found}"
            raise ConfigError(f"visual_encoder.open_clip.dim={dim}: the image tower of {model} {what}")
        self.size = tuple(tower.preprocess_cfg["size"])
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(tower.preprocess_cfg[name]).view(3, 1, 1))

    def train(self, mode: bool = True) -> OpenClipEncoder:
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Condition:
        """The patch features, (B, M, F), of uint8 (B, 3, H, W); present for all samples."""
        with torch.autocast(image.device.type, enabled=False):
            x_BCHW = image.float() / 255
            if x_BCHW.shape[-2:] != self.size:
                x_BCHW = interpolate(x_BCHW, self.size, mode="bicubic", antialias=True).clamp(0, 1)
            found = self.tower.forward_intermediates(
                (x_BCHW - self.mean) / self.std, indices=[self.layer], output_fmt="NLC", intermediates_only=True
            )
        patches_BMF: Tensor = found["image_intermediates"][0]
        return Condition(patches_BMF, torch.ones(len(image), dtype=torch.bool, device=image.device))


def _tower(model: str, pretrained: str) -> Any:
    try:
        open_clip = import_module("open_clip")
    except ImportError as error:
        raise ConfigError(
            "visual_encoder=open_clip needs a package: pip install open_clip_torch, or install unif2ace[clip]"
        ) from error
    if model not in open_clip.list_models():
        hint = nearest(model, open_clip.list_models())
        raise ConfigError(f"visual_encoder.open_clip.model={model!r}: OpenCLIP has no such model{hint}")
    tags = open_clip.list_pretrained_tags_by_model(model)
    if not Path(pretrained).is_file() and pretrained not in tags:
        raise ConfigError(
            f"visual_encoder.open_clip.pretrained={pretrained!r}: give a file, or one of the published weights of "
            f"{model}: {', '.join(tags)}"
        )
    try:
        with torch.random.fork_rng(devices=[]):
            return open_clip.create_model(model, pretrained=pretrained).visual
    except Exception as error:  # a hub fails in many ways
        raise ConfigError(
            f"visual_encoder.open_clip.pretrained={pretrained!r}: these weights cannot be downloaded "
            f"({(str(error) or type(error).__name__).splitlines()[0]}); without internet access give a file"
        ) from error
