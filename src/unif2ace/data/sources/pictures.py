"""Converts image files to square images for samples. Shapes: S x S pixels."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.data.shards import SampleFault, decode_image
from unif2ace.data.shards.images import MAX_PIXELS, MAX_SIDE, MAX_SOURCE_PIXELS, image_header
from unif2ace.data.sources.base import EncodedImage
from unif2ace.errors import ConfigError

SMALLEST, LARGEST = 16, 1024
_STORED: Final = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}  # types that a shard holds as they are


def check_size(size: int | None) -> None:
    """Checks the requested image side.

    Raises:
        ConfigError: If `size` is neither None nor in 16..1024.
    """
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise ConfigError(f"source.size={size}: it must be {SMALLEST} to {LARGEST} pixels, or null")


def square_picture(data: bytes, size: int | None) -> NDArray[np.uint8] | EncodedImage:
    """Crops an image file to its central square and resizes it; keeps the file unchanged if possible.

    A JPEG, PNG or WebP file is kept unchanged if it is square, upright, in sRGB and has the requested size. Its camera
    metadata is then kept too.

    Args:
        data: Bytes of the file; the format is detected from the bytes.
        size: S, side in pixels; None for the length of the shorter side.

    Returns:
        The unchanged file, or RGB pixels uint8 (S, S, 3), upright and in sRGB.

    Raises:
        SampleFault: With cause ``image`` if the file is damaged or not of a readable type. With cause ``size`` if the
            image has more than 100 million pixels, or S x S exceeds a shard's limits (`MAX_SIDE`, `MAX_PIXELS`).
    """
    header = image_header(data)
    side = size or min(header.width, header.height)
    if side > MAX_SIDE or side * side > MAX_PIXELS:
        message = f"its square has {side}x{side} pixels, more than a shard's limit; set source.size=128"
        raise SampleFault("size", message)
    pixels = decode_image(data, max_side=None, max_pixels=MAX_SOURCE_PIXELS)
    height, width = pixels.shape[:2]
    if width == height == side and header.as_stored and header.format in _STORED:
        return EncodedImage(data, _STORED[header.format])
    return central_square(pixels, side)


def central_square(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Crops an image to its central square and resizes it; used for training data and user images.

    Args:
        pixels: RGB, uint8 (H, W, 3).
        size: S, side in pixels.

    Returns:
        RGB, uint8 (S, S, 3), writable.
    """
    height, width = pixels.shape[:2]
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    box = (left, top, left + edge, top + edge)
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS, box))
