"""Renders batches of faces with NumPy: paints the layers in linear light, then converts to sRGB."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unif2ace.errors import DataError
from unif2ace.synthetic.accessories import paint_earrings, paint_glasses, paint_mask
from unif2ace.synthetic.background import paint_background
from unif2ace.synthetic.body import paint_body, paint_ears
from unif2ace.synthetic.canvas import Canvas
from unif2ace.synthetic.eyes import paint_brows, paint_eyes
from unif2ace.synthetic.facial_hair import paint_facial_hair
from unif2ace.synthetic.hair import make_hair
from unif2ace.synthetic.hats import paint_hat
from unif2ace.synthetic.head import make_head
from unif2ace.synthetic.mouth import paint_mouth, paint_nose
from unif2ace.synthetic.noise import Array
from unif2ace.synthetic.parameters import Parameters
from unif2ace.synthetic.sampling import Face
from unif2ace.synthetic.skin import paint_skin

_CACHE_PIXELS = 64 * 64 * 12  # per chunk, so that its arrays stay in the processor's cache
_GRAIN = np.random.default_rng(4).standard_normal(1 << 18, dtype=np.float32)  # each face reads its own section


def render(faces: Sequence[Face], size: int, *, supersample: int = 1, noise: bool = True) -> NDArray[np.uint8]:
    """Renders faces.

    Args:
        faces: The faces to render.
        size: Side of the images in pixels, from 32 to 512.
        supersample: Render at this multiple of the size and average, from 1 to 16. Edges are always antialiased.
        noise: Whether to add image noise (`Nuisance.noise`).

    Returns:
        Images in sRGB, uint8 (B, size, size, 3). Each image depends on its face only and is bit-identical in any batch.

    Raises:
        DataError: If `size` or `supersample` is out of range.
    """
    if not 32 <= size <= 512 or not 1 <= supersample <= 16:
        raise DataError(
            f"size={size}, supersample={supersample}: size must be from 32 to 512, and supersample from 1 to 16"
        )
    out = np.empty((len(faces), size, size, 3), np.uint8)
    drawn = size * supersample
    step = max(1, _CACHE_PIXELS // (drawn * drawn))
    for start in range(0, len(faces), step):
        chunk = faces[start : start + step]
        out[start : start + step] = _finish(_draw(chunk, drawn), chunk, supersample, noise)
    return out


def _draw(faces: Sequence[Face], size: int) -> Array:
    """Paints all layers in linear light, (B, 3, size, size)."""
    canvas = Canvas(Parameters(faces), size)
    head = make_head(canvas)
    hair = make_hair(canvas, head)
    paint_background(canvas)
    hair.paint_back()
    paint_body(canvas, head)
    paint_ears(canvas, head)
    paint_skin(canvas, head)
    paint_nose(canvas, head)
    paint_eyes(canvas, head)
    paint_brows(canvas, head)
    paint_facial_hair(canvas, head)
    paint_mouth(canvas, head)
    paint_mask(canvas, head)
    hair.paint_front()
    paint_glasses(canvas, head)
    paint_hat(canvas, head)
    paint_earrings(canvas, head)
    warmth = canvas.p.nuisance("warmth")
    vignette = 1 - np.float32(0.05) * (canvas.X * canvas.X + canvas.Y * canvas.Y)
    canvas.image[:, 0] *= vignette * (1 + warmth)
    canvas.image[:, 1] *= vignette
    canvas.image[:, 2] *= vignette * (1 - warmth)
    return canvas.image


def _finish(image: Array, faces: Sequence[Face], supersample: int, noise: bool) -> NDArray[np.uint8]:
    """Averages supersampled pixels, applies a tone curve, sRGB and noise; returns uint8 (B, size, size, 3)."""
    if supersample > 1:
        batch, channels, side, _ = image.shape
        size = side // supersample
        image = image.reshape(batch, channels, size, supersample, size, supersample).mean((3, 5))
    np.clip(image, 0, None, out=image)
    image = image * (1 + np.float32(0.12) * image) / (1 + np.float32(0.20) * image) * np.float32(1.05)
    np.clip(image, 0, 1, out=image)
    image **= np.float32(1 / 2.2)
    image = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    if noise:
        for place, face in enumerate(faces):
            start = face.nuisance.seed * 7919 % (len(_GRAIN) // 2)
            grain = np.resize(_GRAIN[start : start + image[0].size], image[0].size).reshape(image[0].shape)
            image[place] += grain * np.float32(face.nuisance.noise)
    image *= 255
    image += np.float32(0.5)
    return np.clip(image, 0, 255).astype(np.uint8)
