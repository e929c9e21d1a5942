"""Decodes all image files: orientation, colour profile, transparency, modes. Shapes: H x W pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from unif2ace.data.shards.faults import SampleFault

MAX_SIDE: Final = 4096
MAX_PIXELS: Final = 16_000_000
"""Maximum side in pixels and maximum number of pixels of an image in a shard."""
MAX_SOURCE_PIXELS: Final = 100_000_000
"""Maximum number of pixels of an image that is resized before it is stored or used."""
IMAGE_EXTENSIONS: Final = ("jpg", "jpeg", "png", "webp")
"""Extensions of image files in a shard."""
FORMATS: Final = MappingProxyType(
    {
        "JPEG": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
        "PNG": ("png", "apng"),
        "WEBP": ("webp",),
        "BMP": ("bmp", "dib"),
        "GIF": ("gif",),
        "TIFF": ("tif", "tiff"),
        "PPM": ("pbm", "pgm", "ppm", "pnm"),
        "JPEG2000": ("jp2", "j2k", "jpx", "jpf"),
        "AVIF": ("avif",),
    }
)
"""Image formats that can be imported, with their file suffixes. The format is detected from the bytes."""
SUFFIXES: Final = tuple(f".{suffix}" for suffixes in FORMATS.values() for suffix in suffixes)

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
_SIDEWAYS: Final = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Header of an image file.

    Attributes:
        format: A key of `FORMATS`.
        width: Width of the upright image in pixels.
        height: Height of the upright image in pixels.
        as_stored: Whether the stored pixels are already upright and in sRGB.
    """

    format: str
    width: int
    height: int
    as_stored: bool


def image_header(data: bytes, extension: str = "") -> ImageHeader:
    """Reads the header of an image file without decoding the pixels.

    Args:
        data: The file's bytes.
        extension: Extension of the expected format; empty for any of `FORMATS`.

    Raises:
        SampleFault: If the file has no readable header.
    """
    with _opened(data, extension) as image:
        orientation = _orientation(image)
        width, height = image.size[::-1] if orientation in _SIDEWAYS else image.size
        plain = orientation not in _UPRIGHT and _foreign_profile(image) is None
        return ImageHeader(_format(image), width, height, plain)


def image_size(data: bytes, extension: str = "") -> tuple[int, int]:
    """Width and height of the upright image, from its header.

    Raises:
        SampleFault: If the file has no readable header.
    """
    header = image_header(data, extension)
    return header.width, header.height


def decode_image(
    data: bytes, extension: str = "", *, max_side: int | None = MAX_SIDE, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decodes an image file to upright sRGB pixels, uint8 (H, W, 3).

    Orientation tags and colour profiles are applied. Grayscale, palette, CMYK and 16-bit images become 8-bit RGB, and
    transparent parts become white. Of several frames only the first is read.

    Args:
        data: The file's bytes.
        extension: Extension of the expected format, such as ``jpg``; empty for any of `FORMATS`.
        max_side: Maximum width and height in pixels; None for no limit.
        max_pixels: Maximum number of pixels.

    Raises:
        SampleFault: With cause ``image`` if the file is damaged or has another format. With cause ``size`` if the image
            is too large, which is checked in the header before decoding.
    """
    if extension in ("jpg", "jpeg") or (not extension and picture_type(data[:12]) == "JPEG"):
        return _decode_jpeg(data, max_side, max_pixels)
    with _opened(data, extension) as image:
        _check_size(*image.size, max_side, max_pixels)
        return to_rgb(image)


def picture_type(beginning: bytes) -> str | None:
    """Format of a file, a key of `FORMATS`, from its first 12 bytes; None if unknown."""
    magic = {
        "JPEG": (b"\xff\xd8\xff",),
        "PNG": (b"\x89PNG\r\n\x1a\n",),
        "BMP": (b"BM",),
        "GIF": (b"GIF87a", b"GIF89a"),
        "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        "PPM": tuple(b"P%d" % n for n in range(1, 7)),
        "JPEG2000": (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"),
    }
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "WEBP"
    if beginning[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    return next((name for name, starts in magic.items() if beginning.startswith(starts)), None)


def _decode_jpeg(data: bytes, max_side: int | None, max_pixels: int) -> NDArray[np.uint8]:
    """Decodes a JPEG with libjpeg-turbo. Pillow reads the metadata, if any, and decodes CMYK files."""
    if not data:
        raise SampleFault("image", "the picture is an empty file")
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        _check_size(width, height, max_side, max_pixels)
        if colours in ("CMYK", "YCCK"):
            with _opened(data, "jpg") as image:
                return to_rgb(image)
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data)
    except ValueError as error:
        if isinstance(error, SampleFault):
            raise
        raise SampleFault("image", f"the JPEG does not decode: {error}") from error
    if b"Exif\0\0" not in data and b"ICC_PROFILE\0" not in data:
        return pixels
    with _opened(data, "jpg") as header:
        return to_rgb(Image.fromarray(pixels), header)


@contextmanager
def _opened(data: bytes, extension: str) -> Iterator[Image.Image]:
    """Opens an image with Pillow; any exception within the block becomes a `SampleFault`."""
    names = [name for name, suffixes in FORMATS.items() if not extension or extension in suffixes]
    if not names:
        raise SampleFault("refused", f"{extension!r} is not an image extension; use {', '.join(IMAGE_EXTENSIONS)}")
    if not data:
        raise SampleFault("image", "the picture is an empty file")
    what = names[0] if extension else "picture"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limits are lower; torn metadata is not our concern
            with Image.open(io.BytesIO(data), formats=names) as image:
                yield image
    except Image.DecompressionBombError as error:
        raise SampleFault("size", f"the picture is too large: the limit is {MAX_SOURCE_PIXELS:,} pixels") from error
    except SampleFault:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds: OSError, SyntaxError, struct.error, ...
        why = "not of a readable type" if isinstance(error, UnidentifiedImageError) else str(error)
        raise SampleFault("image", f"the {what} does not decode: {type(error).__name__}: {why}") from error


def _format(image: Image.Image) -> str:
    return {"MPO": "JPEG", "DIB": "BMP"}.get(image.format or "", image.format or "")  # MPO: several JPEGs in one file


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # torn camera metadata says nothing about the orientation
        return 1


def _foreign_profile(image: Image.Image) -> Any:
    """Colour profile to convert to sRGB; None if there is none, it is sRGB or unreadable."""
    data = image.info.get("icc_profile")
    if not data:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = profile.profile.xcolor_space.strip()
        srgb = "srgb" in ImageCms.getProfileDescription(profile).lower()
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return None if srgb or space != ("CMYK" if image.mode == "CMYK" else "RGB") else profile


def to_rgb(image: Image.Image, header: Image.Image | None = None) -> NDArray[np.uint8]:
    """Converts an image of any mode to upright sRGB, uint8 (H, W, 3); transparent parts become white.

    Values of more than 8 bits are read as 0..65535, floats also as 0..1. A 16-bit image whose maximum is below 256 is
    an error: it probably holds 8-bit values, and would become black.

    Args:
        image: The image.
        header: Image whose orientation tag and colour profile are applied; None for `image`.

    Raises:
        SampleFault: If values of more than 8 bits are out of range, not finite, or 8-bit values.
    """
    header = header or image
    orientation = _orientation(header)
    image.load()
    rgb = _convert(image, _foreign_profile(header))
    return np.array(rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb)


def _convert(image: Image.Image, profile: Any) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(to_8_bits(np.asarray(image), image.mode)).convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if (image.mode != "LAB" and "A" in image.mode) or "transparency" in image.info:
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if profile is None:
        return image.convert("RGB")
    pixels = image if image.mode == "CMYK" else image.convert("RGB")
    converted = ImageCms.profileToProfile(pixels, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None
    return converted


def to_8_bits(values: NDArray[Any], mode: str = "I") -> NDArray[np.uint8]:
    """Converts values in 0..65535, or in 0..1 if `mode` begins with F, to uint8 (...).

    Raises:
        SampleFault: If values are out of range or not finite, or their maximum is 1..255, i.e. they are 8-bit values.
    """
    low, high = values.min(), values.max()
    if mode.startswith("F") and low >= 0 and high <= 1:
        return (255 * values).round().astype(np.uint8)
    if not (low >= 0 and high <= 65535):  # NaN fails too
        raise SampleFault("image", f"the picture has values {low:g} to {high:g}; save it as 8 or 16 bits")
    if 0 < high < 256:
        raise SampleFault("image", f"the picture has 16-bit values of only {low:g} to {high:g}; save it as 8 bits")
    return (values.astype(np.int64) >> 8).astype(np.uint8)


def check_pixels(width: int, height: int) -> None:
    """Checks the number of pixels of an image that is resized before it is used.

    Raises:
        SampleFault: If the image has more than `MAX_SOURCE_PIXELS` pixels.
    """
    _check_size(width, height, None, MAX_SOURCE_PIXELS)


def _check_size(width: int, height: int, max_side: int | None, max_pixels: int) -> None:
    if (max_side and max(width, height) > max_side) or width * height > max_pixels:
        side = f"{max_side} pixels a side and " if max_side else ""
        raise SampleFault("size", f"the picture is {width}x{height}; the limit is {side}{max_pixels:,} pixels in all")
