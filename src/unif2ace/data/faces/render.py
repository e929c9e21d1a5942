"""From faces to pixels: layer over layer, a batch at a time, each face the same to the bit in any batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.faces.background import paint_background
from unif2ace.data.faces.body import paint_body
from unif2ace.data.faces.canvas import Canvas
from unif2ace.data.faces.ears import paint_earrings, paint_ears
from unif2ace.data.faces.eyes import paint_brows, paint_eyes
from unif2ace.data.faces.eyewear import paint_glasses, paint_mask
from unif2ace.data.faces.facial_hair import paint_facial_hair
from unif2ace.data.faces.hair import make_hair, paint_back_hair, paint_front_hair
from unif2ace.data.faces.hats import paint_hats
from unif2ace.data.faces.head import make_head
from unif2ace.data.faces.mouth import paint_mouth, paint_nose
from unif2ace.data.faces.noise import Array
from unif2ace.data.faces.parameters import Parameters
from unif2ace.data.faces.sampling import Face
from unif2ace.data.faces.skin import paint_skin
from unif2ace.errors import DataError

_PIXELS_AT_ONCE = 1 << 16  # of one channel: so much stays in a core's cache


def render(faces: Sequence[Face], size: int, *, supersample: int = 1, grain: bool = True) -> NDArray[np.uint8]:
    """Pictures of faces.

    Edges and textures are filtered where they are drawn, so that one sample per pixel is smooth.

    Args:
        faces: What to draw.
        size: Side in pixels; the drawing is made for 64 to 256.
        supersample: Samples per pixel along each side.
        grain: Whether the picture has its grain.

    Returns:
        uint8 (B, size, size, 3), sRGB.

    Raises:
        DataError: If the size or the number of samples is not positive.
    """
    if size < 8 or supersample < 1:
        raise DataError(f"size={size}, supersample={supersample}: at least 8 pixels and 1 sample")
    out = np.empty((len(faces), size, size, 3), np.uint8)
    chunk = max(1, _PIXELS_AT_ONCE // (size * supersample) ** 2)
    for start in range(0, len(faces), chunk):
        some = faces[start : start + chunk]
        with np.errstate(under="ignore", over="ignore"):
            image = _develop(_paint(some, size * supersample))
        if supersample > 1:
            image = image.reshape(len(some), 3, size, supersample, size, supersample).mean((3, 5))
        if grain:
            for picture, face in zip(image, some, strict=True):
                draw = np.random.default_rng([4, face.nuisance.seed, face.person])
                picture += draw.standard_normal(picture.shape, np.float32) * np.float32(face.nuisance.noise)
        image = np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)
        out[start : start + chunk] = image.astype(np.uint8).transpose(0, 2, 3, 1)
    return out


def _paint(faces: Sequence[Face], size: int) -> Canvas:
    canvas = Canvas(Parameters(faces), size)
    head = make_head(canvas)
    hair = make_hair(canvas, head)
    paint_background(canvas)
    if hair is not None:
        hair.patch = canvas.patch(which=hair.which)
    paint_back_hair(canvas, head, hair)
    paint_body(canvas, head)
    for layer in (paint_ears, paint_skin, paint_nose, paint_eyes, paint_brows, paint_facial_hair, paint_mouth, paint_mask):
        layer(canvas, head)
    paint_front_hair(canvas, head, hair)
    for layer in (paint_glasses, paint_hats, paint_earrings):
        layer(canvas, head)
    return canvas


def _develop(canvas: Canvas) -> Array:
    """Vignette, warmth, a soft shoulder for highlights, and the display's gamma."""
    p, image = canvas.p, canvas.image
    fall = 1 - np.float32(0.05) * (canvas.X**2 + canvas.Y**2)
    warmth = p.nuisance("warmth")
    image[:, 0] *= fall * (1 + warmth)
    image[:, 1] *= fall
    image[:, 2] *= fall * (1 - warmth)
    np.clip(image, 0, None, out=image)
    image *= (1 + np.float32(0.12) * image) / (1 + np.float32(0.22) * image) * np.float32(1.05)
    np.clip(image, 0, 1, out=image)
    return np.asarray(image ** np.float32(1 / 2.2), np.float32)
