"""FFHQ's square face crop, computed from eyes and mouth (Karras et al., CVPR 2019, appendix A)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.data.shards import SampleFault

Points = NDArray[np.float64]
"""Points as (x, y) in pixels, from the image's top left corner."""


def face_square(left_eye: Points, right_eye: Points, mouth: Points) -> Points:
    """Corners of FFHQ's square, rotated so that the face is upright.

    Formula:
        ``e`` is the vector from eye to eye, ``m`` the vector from the eyes' midpoint to the mouth. The square's x axis
        has the direction ``e - rot90(m)``, its half side is ``max(2 |e|, 1.8 |m|)``, and its centre is the eyes'
        midpoint plus ``0.1 m``.

    Args:
        left_eye: float64 (2,), centre of the eye on the left of the image.
        right_eye: float64 (2,), centre of the eye on the right of the image.
        mouth: float64 (2,), midpoint of the mouth's corners.

    Returns:
        Corners float64 (4, 2): top left, bottom left, bottom right, top right.
    """
    middle = (left_eye + right_eye) / 2
    across, down = right_eye - left_eye, mouth - middle
    x_axis = across + np.array([down[1], -down[0]])
    half = max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down))
    x_axis = x_axis / max(float(np.hypot(*x_axis)), 1e-9) * half
    y_axis = np.array([-x_axis[1], x_axis[0]])
    centre = middle + 0.1 * down
    corners: Points = centre + np.stack([-x_axis - y_axis, -x_axis + y_axis, x_axis + y_axis, x_axis - y_axis])
    return corners


def check_square(corners: Points, width: int, height: int) -> None:
    """Checks a square of `face_square`; it fails if landmarks belong to another image or have another order.

    Args:
        corners: float64 (4, 2), as `face_square` returns them.
        width: Width of the image in pixels.
        height: Height of the image in pixels.

    Raises:
        SampleFault: If the square's centre is outside the image, the square is upside down, or its side is not in
            [width / 8, 2 height].
    """
    x, y = corners.mean(axis=0)
    side = float(np.hypot(*(corners[3] - corners[0])))
    upright = corners[1, 1] > corners[0, 1]
    if not (0 <= x < width and 0 <= y < height and width / 8 <= side <= 2 * height and upright):
        what = f"a square of {side:.0f} pixels at ({x:.0f}, {y:.0f}){'' if upright else ', upside down'}"
        raise SampleFault("schema", f"its landmarks give {what} in an image of {width}x{height}; fix them")


def cut_square(pixels: NDArray[np.uint8], corners: Points, size: int, coarsest: float = 1.0) -> NDArray[np.uint8]:
    """Crops a square from an image; parts outside the image are filled by reflection.

    Args:
        pixels: RGB, uint8 (H, W, 3).
        corners: float64 (4, 2), as `face_square` returns them.
        size: Side of the result in pixels.
        coarsest: Maximum sampling step in source pixels before the result is reduced; slightly above 1 is faster and
            hardly aliases.

    Returns:
        RGB, uint8 (size, size, 3).
    """
    height, width = pixels.shape[:2]
    over = [-corners.min(axis=0), corners.max(axis=0) - (width, height)]
    margin = max(0, math.ceil(float(np.max(over)))) + 2  # 2: support of the cubic filter
    padded = Image.fromarray(np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="reflect"))
    # Resampled at the image's resolution or more, then reduced: a square much larger than `size` would alias.
    side = float(np.hypot(*(corners[3] - corners[0])))
    fine = size * max(1, math.ceil(side / size / coarsest))
    quad = tuple((corners + margin).ravel().tolist())
    image = padded.transform((fine, fine), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    return np.asarray(image if fine == size else image.resize((size, size), Image.Resampling.LANCZOS))
