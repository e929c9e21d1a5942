"""An image tokenizer that trains on a laptop in minutes: convolutions start at a quarter of the resolution.

On a CPU, a convolution of few channels at full resolution runs at a few per cent of the FLOP/s of one with many
channels on a small grid. The first layer therefore folds pixels into channels, and the last layer unfolds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.nets.tokenizer.base import TokenizerNet


class PatchNet(TokenizerNet):
    """Pixel-unshuffle, residual blocks on ever coarser grids, quantizer, and the mirrored decoder.

    Maps images (B, 3, H, W) to reconstructions of the same shape.

    Args:
        quantizer: Builds the quantizer.
        patch: Pixels folded into channels along each side before the first convolution.
        channels: Channels of each level, the finest first. The grid halves from level to level, so a token covers
            ``patch * 2 ** (len(channels) - 1)`` pixels along each side.
        encoder_blocks: Number of residual blocks of each encoder level.
        decoder_blocks: Number of residual blocks of each decoder level.
        decoder_channels: Channels of each decoder level; None for those of the encoder.
        attention: Number of attention blocks at the coarsest level of the encoder, and of the decoder.

    Raises:
        ConfigError: If `channels` is empty, another list has a different length, or a width is not a multiple of
            `GROUP`.
    """

    def __init__(
        self,
        quantizer: Callable[[], Quantizer],
        patch: int = 4,
        channels: Sequence[int] = (64, 128),
        encoder_blocks: Sequence[int] = (1, 1),
        decoder_blocks: Sequence[int] = (2, 2),
        attention: int = 0,
        decoder_channels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        up = channels if decoder_channels is None else decoder_channels
        lists = {"encoder_blocks": encoder_blocks, "decoder_blocks": decoder_blocks, "decoder_channels": up}
        for name, values in lists.items():
            if len(values) != len(channels):
                raise ConfigError(
                    f"net.{name}={list(values)}: give one number per level, as in net.channels={list(channels)}"
                )
        for name, widths in {"channels": channels, "decoder_channels": up}.items():
            if not widths or any(c % GROUP for c in widths):
                raise ConfigError(f"net.{name}={list(widths)}: give at least one width, each a multiple of {GROUP}")
        self.factor = patch * 2 ** (len(channels) - 1)
        self.quantizer = quantizer()
        pixels, dim, bottom = 3 * patch**2, self.quantizer.dim, channels[-1]
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(patch),
            nn.Conv2d(pixels, channels[0], 3, padding=1),
            *_down(channels, encoder_blocks),
            *(AttentionBlock(bottom) for _ in range(attention)),
            _norm(bottom),
            nn.SiLU(),
            nn.Conv2d(bottom, dim, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(dim, up[-1], 3, padding=1),
            *(AttentionBlock(up[-1]) for _ in range(attention)),
            *_up(up, decoder_blocks),
            _norm(up[0]),
            nn.SiLU(),
            nn.Conv2d(up[0], pixels, 3, padding=1),
            nn.PixelShuffle(patch),
        )


GROUP = 16
"""Channels per normalisation group; every width must be a multiple of this number."""


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // GROUP, channels)


def _down(channels: Sequence[int], blocks: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for level, (width, count) in enumerate(zip(channels, blocks, strict=True)):
        if level:
            layers.append(nn.Conv2d(channels[level - 1], width, 4, stride=2, padding=1))
        layers += [ResidualBlock(width) for _ in range(count)]
    return layers


def _up(channels: Sequence[int], blocks: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for level in reversed(range(len(channels))):
        layers += [ResidualBlock(channels[level]) for _ in range(blocks[level])]
        if level:  # 1x1 convolution before the pixel shuffle: a fourth of the work of one after it
            layers += [nn.Conv2d(channels[level], 4 * channels[level - 1], 1), nn.PixelShuffle(2)]
    return layers


class ResidualBlock(nn.Module):
    """Twice GroupNorm, SiLU and convolution, with a residual; maps float (B, C, h, w) to the same shape.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _norm(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            _norm(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x_BChw: Tensor) -> Tensor:
        """The input plus the update, (B, C, h, w)."""
        added: Tensor = self.layers(x_BChw)
        return x_BChw + added


class AttentionBlock(nn.Module):
    """Attention over all cells, then an MLP, each with a residual; maps float (B, C, h, w) to the same shape.

    There is no position embedding: the surrounding convolutions encode positions, so the grid may have any size.

    Args:
        channels: C.
        head_dim: Channels of an attention head.
    """

    def __init__(self, channels: int, head_dim: int = 32) -> None:
        super().__init__()
        self.heads, self.head_dim = channels // head_dim, head_dim
        self.norm, self.qkv = _norm(channels), nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)
        self.mlp = nn.Sequential(
            _norm(channels), nn.Conv2d(channels, 4 * channels, 1), nn.GELU(), nn.Conv2d(4 * channels, channels, 1)
        )

    def forward(self, x_BChw: Tensor) -> Tensor:
        """The input plus the updates of attention and MLP, (B, C, h, w)."""
        B, C, h, w = x_BChw.shape
        q, k, v = self.qkv(self.norm(x_BChw)).view(B, 3, self.heads, self.head_dim, h * w).unbind(1)
        # explicit: the fused kernel's bfloat16 backward pass is several times slower on a CPU
        scores_BHNN = (q.transpose(-1, -2) @ k) * self.head_dim**-0.5
        mixed = (v @ scores_BHNN.softmax(-1).to(v.dtype).transpose(-1, -2)).reshape(B, C, h, w)
        x_BChw = x_BChw + self.project(mixed)
        added: Tensor = self.mlp(x_BChw)
        return x_BChw + added
