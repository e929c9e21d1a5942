"""A patch discriminator. Shapes: B images of H x W pixels, P x P patches."""

from __future__ import annotations

from math import gcd
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from unif2ace.errors import ConfigError, nearest

NORMS = ("group", "none")


class PatchDiscriminator(nn.Module):
    """Maps images (B, 3, H, W) to one logit per patch (B, 1, P, P) (PatchGAN, arXiv 1611.07004).

    Convolutions halve the resolution `layers` times. The receptive field of a logit is 70 x 70 pixels with 3 layers, 34
    with 2, and 16 with 1. As in the paper (appendix 6.1.2), kernels are 4 x 4, LeakyReLU has slope 0.2, widths double
    up to 8 times the first, and weights are initialised with a standard deviation of 0.02. Batch normalisation is not
    supported: its statistics differ between ranks, and real and reconstructed images are processed separately.

    Args:
        channels: Width of the first layer.
        layers: Number of times that the resolution is halved.
        norm: ``group`` for group normalisation with at most 32 groups, or ``none``. With ``group`` a logit also depends
            on statistics of the whole image.
        spectral: Whether to use spectral normalisation (arXiv 1802.05957).

    Raises:
        ConfigError: If `channels` or `layers` is below 1, or `norm` is unknown.
    """

    def __init__(
        self, channels: int = 64, layers: int = 3, norm: Literal["group", "none"] = "group", spectral: bool = False
    ) -> None:
        super().__init__()
        if channels < 1 or layers < 1:
            raise ConfigError(
                f"discriminator.channels={channels}, discriminator.layers={layers}: each must be 1 or more"
            )
        if norm not in NORMS:
            raise ConfigError(
                f"discriminator.norm={norm!r}: it must be one of {', '.join(NORMS)}{nearest(norm, NORMS)}"
            )
        self.smallest = 3 * 2**layers
        widths = [channels * min(2**k, 8) for k in range(layers + 1)]
        body: list[nn.Module] = [_conv(3, widths[0], 2, spectral), nn.LeakyReLU(0.2)]
        for k in range(1, layers + 1):
            body.append(_conv(widths[k - 1], widths[k], 2 if k < layers else 1, spectral))
            if norm == "group":
                body.append(nn.GroupNorm(gcd(32, widths[k]), widths[k]))
            body.append(nn.LeakyReLU(0.2))
        self.body = nn.Sequential(*body, _conv(widths[-1], 1, 1, spectral))

    def forward(self, image: Tensor) -> Tensor:
        """Patch logits, large for real patches.

        Args:
            image: float (B, 3, H, W) in [-1, 1]; sides of at least 3 2^layers pixels.

        Returns:
            float (B, 1, P, P); P = H / 2^layers - 2 for sides divisible by 2^layers.

        Raises:
            ConfigError: If the images are too small.
        """
        if min(image.shape[-2:]) < self.smallest:
            raise ConfigError(
                f"images of {image.shape[-1]}x{image.shape[-2]} pixels: discriminator.layers needs sides of at least "
                f"{self.smallest} pixels; set fewer layers"
            )
        logits: Tensor = self.body(image)
        return logits


def _conv(inputs: int, outputs: int, stride: int, spectral: bool) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, 4, stride, padding=1)
    with torch.no_grad():
        conv.weight.normal_(0.0, 0.02)
        assert conv.bias is not None
        conv.bias.zero_()
    return spectral_norm(conv) if spectral else conv
