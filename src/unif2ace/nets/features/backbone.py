"""Base class for frozen features of a timm network. Shapes: B images of H x W pixels, D pooled features."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from unif2ace.errors import ConfigError
from unif2ace.nets.features.base import FrozenFeatures
from unif2ace.nets.images import check_images


class BackboneFeatures(FrozenFeatures):
    """Feature maps and pooled features of a timm network.

    Feature maps have autocast's dtype if autocast is enabled, else float32; pooled features are always float32. Before
    pooling, images are resized to `input_size` (bicubic, antialiased, not rounded), so that metrics with the same
    `name` are comparable.

    Args:
        net: A timm network with its weights.
        name: Name of the network with a hash of its weights; `input_size` is appended.
        input_size: Side in pixels to which images are resized before pooling.
        map_size: Side in pixels to which images are resized for the maps of `forward`; None keeps their size.
        mean: Mean per channel with which the weights were trained, for pixel values in [0, 1].
        std: Standard deviation per channel, for pixel values in [0, 1].
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        net: Any,
        name: str,
        input_size: int,
        map_size: int | None,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.net = net.float().eval().requires_grad_(False)
        self.name = f"{name}-{input_size}px" + (f"-maps-{map_size}px" if map_size else "")
        self.num_features = int(net.head_hidden_size)
        self.input_size, self.map_size = input_size, map_size
        # of x in [-1, 1]: ((x + 1) / 2 - mean) / std = scale x + shift
        mean_C, std_C = (torch.tensor(v, dtype=torch.float32).view(3, 1, 1) for v in (mean, std))
        self.register_buffer("scale", 0.5 / std_C)
        self.register_buffer("shift", (0.5 - mean_C) / std_C)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of the network's stages, finest first, float (B, C, h, w) each; see `FrozenFeatures.forward`."""
        x_BCHW = self._prepared(image.float(), self.map_size)
        return tuple(self.net.forward_intermediates(x_BCHW, intermediates_only=True))

    @torch.no_grad()
    def pooled(self, image: Tensor) -> Tensor:
        """The input of the network's classifier, float32 (B, D); see `FrozenFeatures.pooled`."""
        with torch.autocast(image.device.type, enabled=False):
            x_BCHW = self._prepared(check_images(image).float() / 127.5 - 1, self.input_size)
            pooled_BD: Tensor = self.net.forward_head(self.net.forward_features(x_BCHW), pre_logits=True)
        return pooled_BD

    def _prepared(self, x_BCHW: Tensor, size: int | None) -> Tensor:
        if size is not None and x_BCHW.shape[-2:] != (size, size):
            x_BCHW = interpolate(x_BCHW, (size, size), mode="bicubic", antialias=True)
        return (x_BCHW * self.scale + self.shift).contiguous(memory_format=torch.channels_last)


def timm_network(backbone: str, **settings: Any) -> Any:
    """Creates a timm network without using the run's random state, so that adding a metric does not change a run."""
    import timm

    with torch.random.fork_rng(devices=[]):
        return timm.create_model(backbone, **settings)


def file_digest(path: Path) -> str:
    """SHA-256 of a weights file, in hexadecimal.

    Raises:
        ConfigError: If the file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"features: the weights file {str(path)!r} cannot be read: {error.strerror}") from error


def digest_of_tensors(net: nn.Module) -> str:
    """SHA-256 of a network's weights, in hexadecimal."""
    digest = hashlib.sha256()
    for tensor in net.state_dict().values():
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
