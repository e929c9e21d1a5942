"""Smooth value noise from one table, and the arithmetic that all layers share. Shapes: B faces, h and w pixels."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_SIZE: Final = 1024
_TABLE: Final = np.random.default_rng(7919).random(_SIZE).astype(np.float32)
_ROW: Final = 57  # step in the table from one row of the plane to the next


def smoothstep(x: Array, low: Array | float, high: Array | float) -> Array:
    """0 below `low`, 1 above `high`, smooth between; `low` may be the larger one."""
    t = np.clip((x - low) / (np.float32(1) * (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def bump(x: Array, y: Array, cx: Array | float, cy: Array | float, sx: Array | float, sy: Array | float) -> Array:
    """A Gaussian hill of height 1 at (cx, cy) with standard deviations sx and sy."""
    u, v = (x - cx) / sx, (y - cy) / sy
    u *= u
    v *= v
    u += v
    u *= np.float32(-0.5)
    return np.exp(u, out=u)


def ridge(x: Array, width: Array | float) -> Array:
    """A Gaussian crest along x = 0."""
    u = x / width
    u *= u
    return np.exp(-u)


def band(frequency: float, px: Array) -> Array:
    """How much of a texture survives at a pixel size: 1 for coarse ones, exactly 0 where it would alias."""
    return np.clip(np.float32(1.25) - np.float32(frequency) * px, 0, 1)


def line_noise(x: Array, offset: NDArray[np.int32]) -> Array:
    """Noise along a line, 0 to 1, with one random value at each integer of x.

    Args:
        x: Where, any shape (B, h, w).
        offset: int32 (B, 1, 1), which part of the table a face uses.
    """
    i = np.floor(x)
    f = x - i
    n = (i.astype(np.int32) + offset) & (_SIZE - 1)
    f = f * f * (3 - 2 * f)
    a = _TABLE[n]
    return a + f * (_TABLE[(n + 1) & (_SIZE - 1)] - a)


def plane_noise(x: Array, y: Array, offset: NDArray[np.int32]) -> Array:
    """Noise on a plane, 0 to 1, with one random value at each pair of integers."""
    i, j = np.floor(x), np.floor(y)
    f, g = x - i, y - j
    n = i.astype(np.int32) + j.astype(np.int32) * _ROW + offset
    f = f * f * (3 - 2 * f)
    g = g * g * (3 - 2 * g)
    mask = _SIZE - 1
    a, b = _TABLE[n & mask], _TABLE[(n + 1) & mask]
    c, d = _TABLE[(n + _ROW) & mask], _TABLE[(n + _ROW + 1) & mask]
    a += f * (b - a)
    c += f * (d - c)
    return a + g * (c - a)


def cell_values(n: NDArray[np.int32]) -> Array:
    """The table's values at integers, for features scattered over cells."""
    return _TABLE[n & (_SIZE - 1)]


def slopes(height: Array, px: Array) -> tuple[Array, Array]:
    """Derivatives of a height field (B, h, w) to the right and downwards, by central differences."""
    gx, gy = np.empty_like(height), np.empty_like(height)
    half = np.float32(0.5) / px
    gx[:, :, 1:-1] = (height[:, :, 2:] - height[:, :, :-2]) * half
    gx[:, :, 0], gx[:, :, -1] = gx[:, :, 1], gx[:, :, -2]
    gy[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * half
    gy[:, 0], gy[:, -1] = gy[:, 1], gy[:, -2]
    return gx, gy
