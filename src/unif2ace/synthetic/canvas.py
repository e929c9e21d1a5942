"""The images during painting: pixels in linear light, and the coordinate systems of the features.

Frame coordinates (X, Y) run from -1 to 1 over the image. Face coordinates (U, V) move, tilt and scale with the head.
Surface coordinates (P, Q) also follow its yaw and pitch, so that features slide over the face as the head turns. In
face coordinates the eyes are near V = -0.06, the chin near 0.6 and the crown near -0.64.

Shapes: B faces, h and w pixels of a window, S pixels of an image side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unif2ace.synthetic.noise import Array
from unif2ace.synthetic.nuisance import BOUNDS
from unif2ace.synthetic.parameters import Parameters

PIVOT = 0.25
"""V coordinate of the point around which the head tilts."""
_DEPTH_X, _DEPTH_Y = 0.2, 0.12  # shift of features at full yaw and pitch
_WIDTH, _HEIGHT = 0.55, 0.75  # half axes of the ellipsoid on which features slide

Index = NDArray[np.intp]
Box = tuple[float, float, float, float]
"""A box on the face in surface coordinates: P and Q of its centre, half width, half height."""


@lru_cache(maxsize=256)
def _reach(size: int, box: Box) -> tuple[int, int]:
    """Height and width in pixels of a window that contains a box in every pose within `BOUNDS`."""
    cx, cy, rx, ry = box
    x, y = 0.0, 0.0
    for scale, yaw, pitch, roll in product(*(BOUNDS[k] for k in ("scale", "yaw", "pitch", "roll"))):
        u0, v0 = _slide(cx, cy, yaw, pitch)
        for px, py in product((cx - rx, cx + rx), (cy - ry, cy + ry)):
            u, v = _slide(px, py, yaw, pitch)
            x = max(x, abs((u - u0) * np.cos(roll) - (v - v0) * np.sin(roll)) * scale)
            y = max(y, abs((u - u0) * np.sin(roll) + (v - v0) * np.cos(roll)) * scale)
    return min(size, int(np.ceil(y * size)) + 2), min(size, int(np.ceil(x * size)) + 2)


def _slide(x: float, y: float, yaw: float, pitch: float) -> tuple[float, float]:
    """Converts surface coordinates (P, Q) of a point to face coordinates (U, V)."""
    depth = max(0.0, 1 - (x / _WIDTH) ** 2 - (y / _HEIGHT) ** 2) ** 0.5
    return x + yaw * _DEPTH_X * depth, y + pitch * _DEPTH_Y * depth


@dataclass
class Patch:
    """A window of the images of some faces, with coordinates, parameters and painting operations.

    Attributes:
        image: float32 (B, 3, h, w), linear light.
        p: Parameters of the faces in the window.
        U: Face coordinate to the right, (B, h, w).
        V: Face coordinate downwards, (B, h, w).
        P: Surface coordinate to the right, (B, h, w).
        Q: Surface coordinate downwards, (B, h, w).
        px: Side length of a pixel in face coordinates, (B, 1, 1).
        index: Index that selects the window in arrays (B, S, S).
        fine: Number of samples per image pixel along each axis.
    """

    image: Array
    p: Parameters
    U: Array
    V: Array
    P: Array
    Q: Array
    px: Array
    index: Any
    fine: int = 1

    def crop(self, field: Array) -> Array:
        """The window of a canvas array (B, S, S), as (B, h, w)."""
        return _finer(field[self.index], self.fine)

    def cover(self, distance: Array, blur: Array | float = 0.0) -> Array:
        """Share of each pixel that is inside an edge, (B, h, w), in [0, 1].

        Args:
            distance: Signed distance to the edge, (B, h, w); negative inside.
            blur: Width of a soft edge: a number, or an array that broadcasts.
        """
        width = self.px if isinstance(blur, float) and not blur else np.sqrt(self.px * self.px + blur * blur)
        out = distance / -width
        out += np.float32(0.5)
        return np.clip(out, 0, 1, out=out)

    def strip(self, distance: Array, half: Array | float) -> Array:
        """Share of each pixel that a line covers, (B, h, w). Lines thinner than a pixel become paler, not wider.

        Args:
            distance: Distance to the centre line, (B, h, w).
            half: Half width of the line: a number, or an array that broadcasts.
        """
        near = np.abs(distance)
        inner = np.clip((half - near) / self.px + np.float32(0.5), 0, 1)
        return inner - np.clip(np.float32(0.5) - (half + near) / self.px, 0, 1)

    def paint(self, colour: Array, alpha: Array) -> None:
        """Blends a colour, (3,), (B, 3, 1, 1) or (B, 3, h, w), over the image with opacity `alpha` (B, h, w)."""
        change = (colour[:, None, None] if colour.ndim == 1 else colour) - self.image
        change *= alpha[:, None]
        self.image += change

    def tint(self, colour: tuple[float, float, float], alpha: Array) -> None:
        """Multiplies the image by 1 + alpha * (colour - 1), with `alpha` (B, h, w) in [0, 1]."""
        factor = alpha[:, None] * np.array([c - 1 for c in colour], np.float32)[:, None, None]
        factor += 1
        self.image *= factor


def _finer(pixels: Array, fine: int) -> Array:
    """Repeats each pixel of an array (..., h, w) to a square of `fine` x `fine` pixels."""
    return pixels if fine == 1 else pixels.repeat(fine, -1).repeat(fine, -2)


def _pose(p: Parameters, x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """Converts body coordinates x (B, 1, S) and y (B, S, 1) to U, V, P and Q, (B, S, S) each."""
    roll = p.nuisance("roll")
    cos, sin = np.cos(roll), np.sin(roll)
    v = y - np.float32(PIVOT)
    U = x * cos + v * sin
    V = v * cos - x * sin
    V += np.float32(PIVOT)
    depth = 1 - (U / np.float32(_WIDTH)) ** 2 - (V / np.float32(_HEIGHT)) ** 2
    depth = np.sqrt(np.maximum(depth, 0, out=depth), out=depth)
    P = U - (p.nuisance("yaw") * np.float32(_DEPTH_X)) * depth
    Q = V - (p.nuisance("pitch") * np.float32(_DEPTH_Y)) * depth
    return U, V, P, Q


class Canvas:
    """A batch of images of one size.

    Args:
        p: Parameters of the faces.
        size: Side in pixels.
    """

    def __init__(self, p: Parameters, size: int) -> None:
        self.p, self.size = p, size
        self.image = np.empty((len(p.faces), 3, size, size), np.float32)
        axis = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size) - 1
        self.X, self.Y = axis[None, None, :], axis[None, :, None]
        self.px = np.float32(2 / size) / p.nuisance("scale")
        self.x, self.y = self._body(p, self.X, self.Y)
        self.U, self.V, self.P, self.Q = _pose(p, self.x, self.y)

    def _body(self, p: Parameters, X: Array, Y: Array) -> tuple[Array, Array]:
        scale = p.nuisance("scale")
        return (X - p.nuisance("dx")) / scale, (Y - p.nuisance("dy")) / scale

    def rows(self, low: float, high: float = 9.0) -> slice:
        """Pixel rows that contain all points with a body coordinate y from `low` to `high`, in any pose in `BOUNDS`."""
        (small, large), (up, down) = BOUNDS["scale"], BOUNDS["dy"]
        first = low * (small if low > 0 else large) + up
        last = high * (large if high > 0 else small) + down
        half = self.size / 2
        return slice(max(0, int((first + 1) * half) - 1), min(self.size, int((last + 1) * half) + 2))

    def patch(self, rows: slice | None = None, which: Index | None = None) -> Patch:
        """A patch of some pixel rows: a view of all faces, or a copy of the faces `which` (R,), see `put`."""
        every = which is None or len(which) == len(self.p.faces)
        index: Any = (slice(None) if every else which, rows or slice(None))
        p, px = (self.p, self.px) if which is None or every else (self.p.take(which), self.px[which])
        image = self.image[index[0], :, index[1]]
        return Patch(image, p, self.U[index], self.V[index], self.P[index], self.Q[index], px, index)

    def window(self, box: Box, which: Index | None = None, fine: int = 1) -> Patch:
        """A copy of a box on all faces, or on the faces `which` (R,), with `fine` samples per pixel and axis."""
        chosen = np.arange(len(self.p.faces)) if which is None else which
        index = self._window(box, chosen)
        image = _finer(self.image[index[0], :, index[1], index[2]].transpose(0, 3, 1, 2), fine)
        image = np.ascontiguousarray(image)
        if fine == 1:
            p, px = self.p.take(chosen), self.px[chosen]
            return Patch(image, p, self.U[index], self.V[index], self.P[index], self.Q[index], px, index)
        p, px = self.p.take(chosen), self.px[chosen] / fine
        inside = ((np.arange(fine, dtype=np.float32) + np.float32(0.5)) / fine)[None, None, :]
        columns, rows = (
            (i.reshape(len(chosen), -1, 1) + inside).reshape(len(chosen), -1).astype(np.float32)
            * np.float32(2 / self.size)
            - 1
            for i in (index[2], index[1])
        )
        return Patch(image, p, *_pose(p, *self._body(p, columns[:, None, :], rows[:, :, None])), px, index, fine)

    def _window(self, box: Box, which: Index) -> tuple[Index, Index, Index]:
        """Indices of a box on each face: face (B, 1, 1), pixel row (B, h, 1) and pixel column (B, 1, w)."""
        height, width = _reach(self.size, box)
        top, left = [], []
        for face in (self.p.faces[i].nuisance for i in which):
            u, v = _slide(box[0], box[1], face.yaw, face.pitch)
            cos, sin = np.cos(face.roll), np.sin(face.roll)
            x = (u * cos - (v - PIVOT) * sin) * face.scale + face.dx
            y = (u * sin + (v - PIVOT) * cos + PIVOT) * face.scale + face.dy
            left.append(min(max(round((x + 1) * self.size / 2 - width / 2), 0), self.size - width))
            top.append(min(max(round((y + 1) * self.size / 2 - height / 2), 0), self.size - height))
        rows = np.array(top)[:, None, None] + np.arange(height)[None, :, None]
        columns = np.array(left)[:, None, None] + np.arange(width)[None, None, :]
        return which[:, None, None], rows, columns

    def put(self, patch: Patch) -> None:
        """Writes a patch back to the images."""
        if len(patch.index) == 3:
            image, n = patch.image, patch.fine
            if n > 1:  # sums of slices are several times as fast as a mean over short axes
                image = sum((image[:, :, i::n] for i in range(1, n)), image[:, :, ::n])
                image = sum((image[..., i::n] for i in range(1, n)), image[..., ::n]) * np.float32(1 / n**2)
            self.image[patch.index[0], :, patch.index[1], patch.index[2]] = image.transpose(0, 2, 3, 1)
        elif not np.shares_memory(patch.image, self.image):
            self.image[patch.index[0], :, patch.index[1]] = patch.image
