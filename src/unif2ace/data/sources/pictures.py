"""Converts image files to the squares that samples need. Shapes: S x S pixels."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.data.shards import SampleFault, decode_image
from unif2ace.data.sources.base import EncodedImage
from unif2ace.errors import ConfigError, DataError

EXTENSIONS: Final = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png", ".webp": "webp"}
SMALLEST, LARGEST = 16, 1024
_FORMATS: Final = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}  # MPO: a JPEG followed by a second one
_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def check_size(size: int | None) -> None:
    """Checks the requested image side.

    Raises:
        ConfigError: If it is neither null nor between 16 and 1024 pixels.
    """
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise ConfigError(f"size={size}: pictures may have {SMALLEST} to {LARGEST} pixels a side; set source.size=128")


def square_picture(data: bytes, size: int | None, place: str) -> NDArray[np.uint8] | EncodedImage:
    """An image file as a square: the unchanged file if it is square already, else its central square.

    An unchanged file keeps all its bytes, including camera metadata.

    Args:
        data: The file's bytes; the format is detected from them, not from the name.
        size: S, side in pixels; None keeps the length of the shorter side.
        place: Name of the file in errors.

    Returns:
        The unchanged file, or RGB pixels uint8 (S, S, 3), upright according to the orientation tag.

    Raises:
        DataError: If it is no JPEG, PNG or WebP, is damaged, or too large.
    """
    extension, (width, height), orientation = _header(data, place)
    try:
        pixels = decode_image(data, extension)
    except SampleFault as fault:
        raise DataError(f"{place}: {fault.message}") from fault
    if width == height and size in (None, width) and orientation not in _UPRIGHT:
        return EncodedImage(data, extension)
    image = Image.fromarray(pixels)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    goal = size or side
    return np.asarray(image.resize((goal, goal), Image.Resampling.LANCZOS, (left, top, left + side, top + side)))


def picture_type(beginning: bytes) -> str | None:
    """``jpg``, ``png`` or ``webp`` by the first 12 bytes of a file; None for other formats."""
    if beginning.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if beginning.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP" else None


def _header(data: bytes, place: str) -> tuple[str, tuple[int, int], int]:
    """Extension, width and height, and orientation tag."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            return _FORMATS[image.format or ""], image.size, image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception as error:  # Pillow's plugins raise many kinds: OSError, SyntaxError, struct.error, ...
        what = "an empty file" if not data else "no readable JPEG, PNG or WebP"
        raise DataError(f"{place}: {what} ({type(error).__name__})") from error
