"""Image features of DINOv2, by timm. Shapes: B images, D features."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from unif2ace.errors import ConfigError
from unif2ace.metrics.extractors.base import check_weights
from unif2ace.nets.features.backbone import file_digest, timm_network
from unif2ace.nets.images import check_images

WANTED = "dinov2_vitb14_pretrain.pth or another size without registers (https://github.com/facebookresearch/dinov2)"
BACKBONES = {384: "small", 768: "base", 1024: "large", 1536: "giant"}
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DinoV2Extractor(nn.Module):
    """The class token of DINOv2 (arXiv 2304.07193), layer-normalised, with Meta's weights.

    Images are resized with bicubic interpolation and antialiasing. timm interpolates position embeddings to the input
    size.

    Args:
        weights: A weights file as published by Meta.
        input_size: Image side in pixels, a multiple of the patch size 14.

    Raises:
        ConfigError: If the file is missing or does not fit, or `input_size` is not a multiple of 14.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: str | Path | None = None, input_size: int = 224) -> None:
        super().__init__()
        if input_size < 14 or input_size % 14:
            raise ConfigError(f"extractor.input_size={input_size}: it must be a multiple of the patch size 14")
        path = check_weights(weights, "dinov2", WANTED)
        try:
            state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            width = state["pos_embed"].shape[-1]
            depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
            self.net = _network(width, depth, state, input_size)
        except (RuntimeError, OSError, EOFError, KeyError, ValueError, TypeError, pickle.UnpicklingError) as error:
            raise ConfigError(f"extractor.weights={path} is not {WANTED}: {str(error).splitlines()[0]}") from error
        self.input_size = input_size
        self.name = f"dinov2-{width}x{depth}-{file_digest(path)[:8]}-{input_size}px"
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(3, 1, 1))

    @torch.no_grad()
    def pooled(self, image: Tensor) -> Tensor:
        """Class tokens, float32 (B, D), of uint8 (B, 3, H, W)."""
        x_BCHW = check_images(image).float() / 255
        size = (self.input_size, self.input_size)
        if x_BCHW.shape[-2:] != size:
            x_BCHW = interpolate(x_BCHW, size, mode="bicubic", antialias=True).clamp(0, 1)
        features: Tensor = self.net((x_BCHW - self.mean) / self.std)
        return features


def _network(width: int, depth: int, state: dict[str, Tensor], input_size: int) -> Any:
    side = round((state["pos_embed"].shape[1] - 1) ** 0.5) * 14  # the weights' own
    size = BACKBONES.get(width, "base")
    sizes = {} if width in BACKBONES else {"embed_dim": width, "num_heads": max(1, width // 64)}
    name = f"vit_{size}_patch14_dinov2"
    net = timm_network(name, img_size=side, num_classes=0, depth=depth, **sizes)
    net.load_state_dict({key: value for key, value in state.items() if key != "mask_token"})
    net.set_input_size(img_size=(input_size, input_size))
    return net.float().eval().requires_grad_(False)
