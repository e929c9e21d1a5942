"""Layers of the MAGVIT-v2 tokenizer, named as in Show-o's weights. Shapes: C channels, H x W positions, N = H W."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint as recomputed

from unif2ace.errors import ConfigError

GROUPS = 32
"""Number of groups of every GroupNorm."""


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm with `GROUPS` groups.

    Raises:
        ConfigError: If `channels` is not a multiple of `GROUPS`.
    """
    if channels % GROUPS:
        raise ConfigError(f"net.channels times a multiplier is {channels}: it must be a multiple of {GROUPS}")
    return nn.GroupNorm(GROUPS, channels, eps=1e-6)


def conv3x3(before: int, after: int) -> nn.Conv2d:
    """A 3x3 convolution that keeps height and width."""
    return nn.Conv2d(before, after, 3, padding=1)


class MagvitResidualBlock(nn.Module):
    """Twice GroupNorm, SiLU and 3x3 convolution, with a residual; maps (B, before, H, W) to (B, after, H, W)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm1 = group_norm(before)
        self.conv1 = conv3x3(before, after)
        self.norm2 = group_norm(after)
        self.conv2 = conv3x3(after, after)
        self.nin_shortcut = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Output (B, after, H, W)."""
        y = self.conv1(functional.silu(self.norm1(x)))
        y = self.conv2(functional.silu(self.norm2(y)))
        out: Tensor = self.nin_shortcut(x) + y
        return out


class MagvitAttentionBlock(nn.Module):
    """Single-head self-attention over all positions with a residual; maps (B, C, H, W) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Output (B, C, H, W)."""
        y = self.norm(x)
        q_BCN, k_BCN, v_BCN = (conv(y).flatten(2) for conv in (self.q, self.k, self.v))
        # a few hundred positions: the explicit product is fastest on every device, in bf16 too
        weights_BNN = torch.softmax((q_BCN * x.shape[1] ** -0.5).mT @ k_BCN, dim=-1)
        mixed_BCN = v_BCN @ weights_BNN.to(v_BCN.dtype).mT
        out: Tensor = x + self.proj_out(mixed_BCN.view_as(y))
        return out


class Middle(nn.Module):
    """Residual block, attention, residual block at the coarsest level; maps (B, C, H, W) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = MagvitResidualBlock(channels, channels)
        self.attn_1 = MagvitAttentionBlock(channels)
        self.block_2 = MagvitResidualBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Output (B, C, H, W)."""
        out: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return out


class Downsample(nn.Module):
    """A 3x3 convolution of stride 2, zero-padded at right and bottom; maps (B, C, H, W) to (B, C, H / 2, W / 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Output (B, C, H / 2, W / 2) for even H and W."""
        out: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return out


class Upsample(nn.Module):
    """Nearest-neighbour upsampling, then a 3x3 convolution; maps (B, C, H, W) to (B, C, 2 H, 2 W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Output (B, C, 2 H, 2 W)."""
        out: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


class Level(nn.Module):
    """The residual blocks of one resolution; maps (B, before, H, W) to (B, after, H, W).

    Args:
        before: Input channels.
        after: Output channels of every block.
        blocks: Number of residual blocks.
        gradient_checkpointing: Whether to recompute blocks in the backward pass, so that only their inputs are stored.
    """

    def __init__(self, before: int, after: int, blocks: int, gradient_checkpointing: bool) -> None:
        super().__init__()
        self.gradient_checkpointing = gradient_checkpointing
        self.block = nn.ModuleList(MagvitResidualBlock(after if i else before, after) for i in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        """Output (B, after, H, W)."""
        checkpointed = self.gradient_checkpointing and self.training and torch.is_grad_enabled()
        for block in self.block:
            x = recomputed(block, x, use_reentrant=False) if checkpointed else block(x)
        return x


class DownLevel(Level):
    """A level of the encoder; all but the last end with `Downsample`."""

    def __init__(self, before: int, after: int, blocks: int, gradient_checkpointing: bool, *, last: bool) -> None:
        super().__init__(before, after, blocks, gradient_checkpointing)
        self.downsample = nn.Identity() if last else Downsample(after)

    def forward(self, x: Tensor) -> Tensor:
        """Output (B, after, H, W); sides are halved except in the last level."""
        out: Tensor = self.downsample(super().forward(x))
        return out


class UpLevel(Level):
    """A level of the decoder; all but the last, which is the finest, end with `Upsample`."""

    def __init__(self, before: int, after: int, blocks: int, gradient_checkpointing: bool, *, last: bool) -> None:
        super().__init__(before, after, blocks, gradient_checkpointing)
        self.upsample = nn.Identity() if last else Upsample(after)

    def forward(self, x: Tensor) -> Tensor:
        """Output (B, after, H, W); sides are doubled except in the last level."""
        out: Tensor = self.upsample(super().forward(x))
        return out
