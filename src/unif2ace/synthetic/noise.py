"""Smooth value noise from a table, and functions for all layers. Shapes: B faces, h and w pixels.

Arrays are float32 (B, h, w) unless stated otherwise, or shapes that broadcast to it, such as (B, 1, 1).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""Arrays are always float32. The type is wider, because NumPy's stubs type float32 plus a Python float as float64."""
Offsets = NDArray[np.int32]
"""Offset of each face into a noise table, int32 (B, 1, 1)."""

_SIZE: Final = 1024
_TABLE: Final = np.random.default_rng(7919).random(_SIZE).astype(np.float32)
_ROW: Final = 57  # step in the table from one row of the plane to the next
_FINE: Final = 2048  # samples of a strand table per unit length
_STRANDS: Final = 16384


def smoothstep(x: Array, low: Array | float, high: Array | float) -> Array:
    """Smooth step 3 t^2 - 2 t^3 with t = (x - low) / (high - low) clamped to [0, 1]; x is (B, h, w).

    If `low` is larger than `high`, the step falls.
    """
    t = (x - low) * (np.float32(1) / (high - low))
    np.clip(t, 0, 1, out=t)
    out = np.float32(3) - 2 * t
    t *= t
    out *= t
    return out


def bump(x: Array, y: Array, cx: Array | float, cy: Array | float, sx: Array | float, sy: Array | float) -> Array:
    """Gaussian bump (B, h, w) of height 1 with centre (cx, cy) and standard deviations sx and sy."""
    u, v = (x - cx) / sx, (y - cy) / sy
    u *= u
    v *= v
    u += v
    u *= np.float32(-0.5)
    np.exp(u, out=u)
    hill: Array = u
    return hill


def ridge(x: Array, width: Array | float, px: Array | None = None) -> Array:
    """Gaussian ridge exp(-(x / width)^2), (B, h, w).

    If the pixel size `px` is given, the ridge is blurred to pixel width: thin ridges become lower and wider, with the
    same area.
    """
    height = None
    if px is not None:
        wide = np.sqrt(width * width + px * px / np.float32(6))
        height, width = width / wide, wide
    u = x / width
    u *= u
    np.negative(u, out=u)
    np.exp(u, out=u)
    if height is not None:
        u *= height
    return u


def band(frequency: float, px: Array) -> Array:
    """Factor that fades out a texture that is too fine for the pixels: clamp(1.15 - frequency * px, 0, 1), (B, 1, 1).

    Args:
        frequency: Cycles per unit length.
        px: Side of a pixel in the same unit, (B, 1, 1).
    """
    left: Array = np.clip(np.float32(1.15) - np.float32(frequency) * px, 0, 1)
    return left


def line_noise(x: Array, offset: Offsets) -> Array:
    """Noise along a line, (B, h, w), in [0, 1]: smoothly interpolates random values at the integers."""
    i = np.floor(x)
    f = x - i
    n = (i.astype(np.int32) + offset) & (_SIZE - 1)
    f = f * f * (3 - 2 * f)
    a = _TABLE[n]
    between: Array = a + f * (_TABLE[(n + 1) & (_SIZE - 1)] - a)
    return between


def plane_noise(x: Array, y: Array, offset: Offsets) -> Array:
    """Noise on a plane, (B, h, w), in [0, 1]: smoothly interpolates random values at the integer points."""
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
    between: Array = a + g * (c - a)
    return between


def cell_values(n: Offsets) -> Array:
    """Random values in [0, 1) of cells, float32 (B, h, w), by cell number, int32 (B, h, w)."""
    values: Array = _TABLE[n & (_SIZE - 1)]
    return values


@lru_cache(maxsize=64)
def _strand_table(octaves: tuple[tuple[float, float], ...], pixel: float) -> Array:
    """Lookup table for `strands`: noise octaves (frequency, weight) with mean 0, averaged over the width of a pixel."""
    x = np.arange(_STRANDS, dtype=np.float64) / _FINE
    out = np.zeros(_STRANDS)
    for frequency, weight in octaves:
        cells = max(2, round(frequency * _STRANDS / _FINE))  # a whole number, so that the table has no seam
        at = x * cells * _FINE / _STRANDS
        i = at.astype(np.int64)
        f = at - i
        f = f * f * (3 - 2 * f)
        random = np.random.default_rng([5, cells]).random(cells) - 0.5
        out += weight * (random[i % cells] * (1 - f) + random[(i + 1) % cells] * f)
    width = max(1, round(pixel * _FINE))
    total = np.cumsum(np.concatenate([out, out[: width + 1]]))
    mean = (total[width : width + _STRANDS] - total[:_STRANDS]) / width
    return np.asarray(np.roll(mean, (width + 1) // 2), np.float32)


def strands(s: Array, octaves: tuple[tuple[float, float], ...], size: int, offset: Offsets) -> Array:
    """Brightness of hair fibres, (B, h, w): a sum of noise octaves around 0, without aliasing.

    Args:
        s: Coordinate across the fibres, (B, h, w), in [-3, 3] in face coordinates.
        octaves: Frequency (cells per unit length) and weight of each octave.
        size: Side of the image in pixels. Fibres finer than a pixel average out.
        offset: Offset of each face into the table, int32 (B, 1, 1).
    """
    table = _strand_table(octaves, 2 / size / 1.12)
    n = ((s + np.float32(4)) * np.float32(_FINE)).astype(np.int32)
    n += offset * 16
    n &= _STRANDS - 1
    return table[n]


def slopes(height: Array, px: Array) -> tuple[Array, Array]:
    """Derivatives of a height field (B, h, w) to the right and downwards by central differences, (B, h, w) each."""
    gx, gy = np.empty_like(height), np.empty_like(height)
    half = np.float32(0.5) / px
    np.subtract(height[:, :, 2:], height[:, :, :-2], out=gx[:, :, 1:-1])
    gx[:, :, 0], gx[:, :, -1] = gx[:, :, 1], gx[:, :, -2]
    gx *= half
    np.subtract(height[:, 2:], height[:, :-2], out=gy[:, 1:-1])
    gy[:, 0], gy[:, -1] = gy[:, 1], gy[:, -2]
    gy *= half
    return gx, gy
