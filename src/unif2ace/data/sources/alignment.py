"""FFHQ's square crop around a face (Karras et al., CVPR 2019, appendix A), from eyes and mouth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.data.shards import SampleFault

Points = NDArray[np.float64]
"""Points as (x, y) in pixels, from the image's top left corner."""


def face_square(left_eye: Points, right_eye: Points, mouth: Points) -> Points:
    """Corners of the square, rotated so that the face in it is upright.

    Formula:
        ``e`` from eye to eye, ``m`` from the eyes' midpoint to the mouth; the square's x axis is ``e - rot90(m)``,
        scaled to half a side of ``max(2 |e|, 1.8 |m|)``; its centre is ``0.1 m`` below the eyes.

    Args:
        left_eye: float64 (2,), centre of the eye at the viewer's left.
        right_eye: float64 (2,), centre of the other eye.
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
    """Checks a square of `face_square`: landmarks of another image or another order give others.

    Args:
        corners: float64 (4, 2).
        width: Width of the image in pixels.
        height: Height of the image in pixels.

    Raises:
        SampleFault: If its centre is outside the image, the face in it is upside down, or its side is below an eighth
            of the image's width or above twice the image's height.
    """
    x, y = corners.mean(axis=0)
    side = float(np.hypot(*(corners[3] - corners[0])))
    upright = corners[1, 1] > corners[0, 1]
    if not (0 <= x < width and 0 <= y < height and width / 8 <= side <= 2 * height and upright):
        what = f"a square of {side:.0f} pixels at ({x:.0f}, {y:.0f}){'' if upright else ', upside down'}"
        raise SampleFault("schema", f"its landmarks give {what} in {width}x{height} pixels")


def cut_square(pixels: NDArray[np.uint8], corners: Points, size: int, coarsest: float = 1.0) -> NDArray[np.uint8]:
    """Crops a square from an image; parts outside the image are filled by reflection.

    Args:
        pixels: RGB, uint8 (H, W, 3).
        corners: float64 (4, 2), as `face_square` returns them.
        size: Side of the result in pixels.
        coarsest: Largest step between samples, in pixels of the image; a little over 1 is faster and hardly aliases.

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
