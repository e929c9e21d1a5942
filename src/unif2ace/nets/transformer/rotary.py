"""Rotary embedding of a part of each head (RoFormer, arXiv 2104.09864, equation 34; partial as in Phi).

Shapes: T tokens, H heads, d width of a head, of which r dimensions are rotated. Dimension i is rotated
with dimension i + r / 2 by the angle position * theta ** (-2 i / r).
"""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import ConfigError


def head_size(dim: int, heads: int, head_dim: int | None = None) -> int:
    """Width of a head: `head_dim`, or `dim` / `heads` if it is None.

    Raises:
        ConfigError: If `heads` does not divide `dim`, or a number is below 1.
    """
    if head_dim is None and (heads < 1 or dim % heads):
        raise ConfigError(f"net.heads={heads}: it must divide net.dim={dim}; otherwise set net.head_dim")
    if min(heads, 1 if head_dim is None else head_dim) < 1:
        raise ConfigError(f"net.heads={heads}, net.head_dim={head_dim}: each must be 1 or more")
    return dim // heads if head_dim is None else head_dim


def rotary_size(dim: int, heads: int, fraction: float, head_dim: int | None = None) -> int:
    """Number of dimensions of each head that are rotated, r.

    Raises:
        ConfigError: If `heads` does not divide `dim`, `fraction` is not in [0, 1], or r is odd.
    """
    width = head_size(dim, heads, head_dim)
    rotated = int(fraction * width)
    if rotated % 2 or not 0 <= fraction <= 1:
        raise ConfigError(
            f"net.rotary_fraction={fraction} rotates {rotated} of the {width} dimensions of a head: "
            "it must be in [0, 1] and rotate an even number"
        )
    return rotated


def rotary_tables(position_T: Tensor, rotated: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles, (T, 1, r / 2) each, in float32 or wider.

    Args:
        position_T: int64 (T,), position indices.
        rotated: r, even.
        theta: Base of the frequencies.
        dtype: Dtype of the network; float64 gives tables in float64.
    """
    dtype = torch.float64 if dtype == torch.float64 else torch.float32
    exponent = torch.arange(0, rotated, 2, device=position_T.device, dtype=dtype) / rotated
    angle_T1r = position_T[:, None, None].to(dtype) * theta**-exponent
    return angle_T1r.cos(), angle_T1r.sin()


def rotate(x_THd: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Heads (T, H, d) with their first r dimensions rotated, in the dtype of the tables."""
    cos, sin = tables
    half = cos.shape[-1]
    first, second, rest = torch.split(x_THd, [half, half, x_THd.shape[-1] - 2 * half], -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], -1)
