"""The picture being painted: pixels in linear light and the coordinates in which features are placed.

Frame coordinates run from -1 to 1. The face's own (U, V) are moved, turned and scaled with the head; (P, Q) also follow
the turn of its surface, so that features slide over it as it turns. In both the eyes lie near V = -0.06, the chin
near 0.6, the crown near -0.64. Shapes: B faces, h and w pixels of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.faces.noise import Array
from unif2ace.data.faces.nuisance import BOUNDS
from unif2ace.data.faces.parameters import Parameters

PIVOT = 0.25
"""The V about which a tilted head turns."""
_DEPTH_X, _DEPTH_Y = 0.2, 0.12  # how far features slide at full yaw and pitch

Window = tuple[slice, slice]
FULL: Window = (slice(None), slice(None))


@lru_cache(maxsize=256)
def window(size: int, cx: float, cy: float, rx: float, ry: float) -> Window:
    """Rows and columns that hold a box of the face in every pose within the bounds.

    It depends on no particular face, so that a face's pixels do not depend on what else is in its batch.

    Args:
        size: Side of the picture in pixels.
        cx: Centre of the box to the right.
        cy: Centre of the box downwards.
        rx: Half its width.
        ry: Half its height.
    """
    xs, ys = [], []
    keys = ("scale", "dx", "dy", "yaw", "pitch", "roll")
    for scale, dx, dy, yaw, pitch, roll in product(*(BOUNDS[k] for k in keys)):
        for px, py in product((cx - rx, cx + rx), (cy - ry, cy + ry)):
            depth = max(0.0, 1 - (px / 0.55) ** 2 - (py / 0.75) ** 2) ** 0.5
            u, v = px + yaw * _DEPTH_X * depth, py + pitch * _DEPTH_Y * depth - PIVOT
            xs.append((u * np.cos(roll) - v * np.sin(roll)) * scale + dx)
            ys.append((u * np.sin(roll) + v * np.cos(roll) + PIVOT) * scale + dy)

    def span(low: float, high: float) -> slice:
        first = int(np.floor((low + 1) * size / 2)) - 1
        last = int(np.ceil((high + 1) * size / 2)) + 1
        return slice(max(0, first), min(size, last))

    return span(min(ys), max(ys)), span(min(xs), max(xs))


@dataclass
class Patch:
    """Some faces in a window: coordinates, parameters, and painting.

    Attributes:
        image: float32 (B, 3, h, w), linear light.
        p: Parameters of these faces.
        U: To the right on the head, (B, h, w).
        V: Downwards on the head.
        P: To the right on the face's surface.
        Q: Downwards on the face's surface.
        px: Size of a pixel on the face, (B, 1, 1).
    """

    image: Array
    p: Parameters
    U: Array
    V: Array
    P: Array
    Q: Array
    px: Array

    def cover(self, distance: Array, soft: float = 1.0) -> Array:
        """Share of a pixel that lies inside an edge, from the signed distance to it."""
        return np.clip(np.float32(0.5) - distance / (self.px * np.float32(soft)), 0, 1)

    def paint(self, colour: Array, alpha: Array) -> None:
        """Lays a colour over: `colour` (3,), (B, 3, 1, 1) or (B, 3, h, w), `alpha` (B, h, w)."""
        for c in range(3):
            layer = self.image[:, c]
            layer += alpha * (_channel(colour, c) - layer)

    def tint(self, colour: tuple[float, float, float], alpha: Array) -> None:
        """Multiplies by a colour where `alpha` is 1, and less where it is less."""
        for c in range(3):
            self.image[:, c] *= 1 + alpha * np.float32(colour[c] - 1)


def _channel(colour: Array, c: int) -> Array | np.float32:
    return colour[:, c] if colour.ndim == 4 else np.float32(colour[c])


class Canvas:
    """A batch of pictures of one size.

    Args:
        p: The faces' parameters.
        size: Side in pixels at which is painted.
    """

    def __init__(self, p: Parameters, size: int) -> None:
        self.p, self.size = p, size
        self.image = np.empty((len(p.faces), 3, size, size), np.float32)
        axis = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size) - 1
        self.X, self.Y = (a[None] for a in np.meshgrid(axis, axis))
        scale, roll = p.nuisance("scale"), p.nuisance("roll")
        self.px = np.float32(2 / size) / scale
        self.x, self.y = (self.X - p.nuisance("dx")) / scale, (self.Y - p.nuisance("dy")) / scale
        cos, sin = np.cos(roll), np.sin(roll)
        v = self.y - np.float32(PIVOT)
        self.U = self.x * cos + v * sin
        self.V = v * cos - self.x * sin + np.float32(PIVOT)
        depth = 1 - (self.U / np.float32(0.55)) ** 2 - (self.V / np.float32(0.75)) ** 2
        depth = np.sqrt(np.clip(depth, 0, None))
        self.P = self.U - p.nuisance("yaw") * np.float32(_DEPTH_X) * depth
        self.Q = self.V - p.nuisance("pitch") * np.float32(_DEPTH_Y) * depth

    def window(self, cx: float, cy: float, rx: float, ry: float) -> Window:
        """The window of a box of the face at this size."""
        return window(self.size, cx, cy, rx, ry)

    def rows_below(self, y: float) -> slice:
        """Rows that hold everything below a height of the body in every pose within the bounds."""
        low = y * min(BOUNDS["scale"]) if y > 0 else y * max(BOUNDS["scale"])
        return slice(max(0, int(np.floor((low + BOUNDS["dy"][0] + 1) * self.size / 2)) - 1), self.size)

    def patch(self, at: Window = FULL, which: NDArray[np.intp] | None = None) -> Patch:
        """All faces in a window, or copies of some of them: `put` brings those back."""
        if which is None or len(which) == len(self.p.faces):
            arrays = (a[:, at[0], at[1]] for a in (self.U, self.V, self.P, self.Q))
            return Patch(self.image[:, :, at[0], at[1]], self.p, *arrays, self.px)
        arrays = (a[which, at[0], at[1]] for a in (self.U, self.V, self.P, self.Q))
        return Patch(self.image[which, :, at[0], at[1]], self.p.take(which), *arrays, self.px[which])

    def put(self, patch: Patch, at: Window, which: NDArray[np.intp]) -> None:
        """Brings painted copies back."""
        if len(which) != len(self.p.faces):
            self.image[which, :, at[0], at[1]] = patch.image
