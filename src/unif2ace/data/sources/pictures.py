"""Converts image files to the squares that samples need. Shapes: S x S pixels."""

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
        ConfigError: If it is neither null nor between 16 and 1024 pixels.
    """
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise ConfigError(f"size={size}: pictures may have {SMALLEST} to {LARGEST} pixels a side; set source.size=128")


def square_picture(data: bytes, size: int | None) -> NDArray[np.uint8] | EncodedImage:
    """An image file as a square: the unchanged file if it can be used as it is, else its central square.

    A file is kept if it is a JPEG, PNG or WebP that is square, upright, in sRGB and of the requested size. It keeps all
    its bytes, including camera metadata.

    Args:
        data: The file's bytes; the format is detected from them, not from the name.
        size: S, side in pixels; None keeps the length of the shorter side.

    Returns:
        The unchanged file, or RGB pixels uint8 (S, S, 3), upright and in sRGB.

    Raises:
        SampleFault: If it is not an image of a readable type or damaged (cause ``image``), or has more than 100 million
            pixels, or its square does not fit into a shard (``size``).
    """
    header = image_header(data)
    side = size or min(header.width, header.height)
    if side > MAX_SIDE or side * side > MAX_PIXELS:
        message = f"its square has {side}x{side} pixels; a shard holds {MAX_PIXELS:,} of a picture: set source.size"
        raise SampleFault("size", message)
    pixels = decode_image(data, max_side=None, max_pixels=MAX_SOURCE_PIXELS)
    height, width = pixels.shape[:2]
    if width == height == side and header.as_stored and header.format in _STORED:
        return EncodedImage(data, _STORED[header.format])
    return central_square(pixels, side)


def central_square(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The central square of an image, resized: the one crop of training data and of a user's pictures.

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
