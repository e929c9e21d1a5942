"""Converts user images to the networks' input format. Shapes: B images of H x W pixels, S x S after resizing.

`read_pictures` reads files, PIL images, arrays and tensors of any size, then crops and resizes them. `as_images` only
changes the layout and dtype of images in memory; it does not resize.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from unif2ace.data.shards import SampleFault, decode_image, to_rgb
from unif2ace.data.shards.images import MAX_SOURCE_PIXELS, check_pixels, to_8_bits
from unif2ace.data.sources.alignment import Points, cut_square
from unif2ace.data.sources.pictures import central_square
from unif2ace.errors import ConfigError, DataError, nearest

log = logging.getLogger(__name__)

_ARRAYS = "a tensor or an array of (B, 3, H, W), (B, H, W, 3) or of one picture, a PIL image, or a list of these"
_KINDS = f"{_ARRAYS}; `unif2ace.data.images.read_picture(path, size).pixels` reads a file"
_FORMS = f"the path of a file, {_ARRAYS}"
_TO_BYTES = "-1..1 becomes 0..1 by (x + 1) / 2, 0..255 by x / 255; clamp what resizing overshoots"


@dataclass(frozen=True, slots=True)
class Picture:
    """A square image after reading, cropping and resizing.

    Attributes:
        name: File name; ``picture N`` for the N-th image if it did not come from a file.
        pixels: uint8 (S, S, 3).
        note: Original size, crop and resizing, in words.
        middle: Whether the image was cropped to its central square without a search for a face.
    """

    name: str
    pixels: NDArray[np.uint8]
    note: str
    middle: bool = False


class FaceFinder(Protocol):
    """Locates the largest face in an image."""

    def face(self, pixels: NDArray[np.uint8]) -> Points | None:
        """The square of the largest face, as defined by `unif2ace.data.sources.alignment.face_square`.

        Args:
            pixels: RGB, uint8 (H, W, 3).

        Returns:
            Corners float64 (4, 2) as (x, y) in pixels: top left, bottom left, bottom right, top right. None if no face
            is found.
        """


def read_pictures(images: Any, size: int, finder: FaceFinder | None = None) -> tuple[list[Picture], bool]:
    """Reads pictures of any type and size and prepares them as in training: upright, sRGB, square crop, resized.

    Transparent parts become white. Integers must lie in 0..255 (uint16: 0..65535), floats in 0..1. A picture of S x S
    pixels is neither cropped nor resized. Any other picture is cropped to the square of the face that `finder` finds.
    Without a face it is cropped to its central square.

    Args:
        images: One picture or several: the path of a file, a PIL image, an array or a tensor with 1 to 4 channels first
            or last, a batch of these with four dimensions, or a list of any of them.
        size: S, side in pixels.
        finder: Face detector; None crops to the central square.

    Returns:
        The pictures, and whether `images` was a list or a batch (also one of length 1).

    Raises:
        DataError: If `images` is empty, or a picture cannot be read.
    """
    found, several = each_picture(images)
    if not found:
        raise DataError("no picture is given: give one or more")
    pictures = []
    for number, image in enumerate(found, start=1):
        name = Path(image).name if isinstance(image, str | Path) else f"picture {number}"
        try:
            pictures.append(_square(name, rgb_pixels(image), size, finder))
        except DataError as error:
            if isinstance(image, str | Path) or len(found) == 1:
                raise
            raise DataError(f"picture {number} of {len(found)}: {error}") from error
    if any(picture.middle for picture in pictures):
        _say_middle()
    return pictures, several


def stacked(pictures: Sequence[Picture]) -> Tensor:
    """Pictures as a batch, uint8 (B, 3, S, S)."""
    return torch.stack([torch.from_numpy(picture.pixels).permute(2, 0, 1) for picture in pictures])


def read_picture(path: Path, size: int) -> Picture:
    """Reads the central square of a file; see `read_pictures`.

    Args:
        path: The file.
        size: S, side in pixels.

    Raises:
        DataError: If the file is not an image.
    """
    return _square(path.name, rgb_pixels(path), size, None)


def rgb_pixels(image: Any) -> NDArray[np.uint8]:
    """One picture as upright sRGB pixels, uint8 (H, W, 3); takes the types that `read_pictures` takes.

    Raises:
        DataError: If the picture cannot be read.
    """
    if isinstance(image, str | Path):
        return _file_pixels(image)
    try:
        if isinstance(image, Image.Image):
            check_pixels(*image.size)
            return to_rgb(image)
        return _array_pixels(image)
    except (OSError, SyntaxError, SampleFault) as error:
        raise DataError(f"the picture cannot be read: {error}") from error


def each_picture(images: Any) -> tuple[list[Any], bool]:
    """Splits the `images` of `read_pictures` into single pictures; also whether it was a list or a batch."""
    if isinstance(images, Sequence) and not isinstance(images, str | bytes | bytearray | memoryview):
        return [one for image in images for one in each_picture(image)[0]], True
    if getattr(images, "ndim", 0) == 4:
        return list(images), True
    return [images], False


def _file_pixels(name: str | Path) -> NDArray[np.uint8]:
    if str(name).startswith(("http://", "https://", "data:")):
        raise DataError(f"{str(name)[:80]} is a URL: download the picture and give the path of the file")
    path = Path(name)
    if not path.is_file():
        folder = path.parent
        beside = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        what = "is a folder" if path.is_dir() else f"does not exist{nearest(path.name, beside)}"
        raise DataError(f"{path} {what}; give a picture")
    try:
        return decode_image(path.read_bytes(), max_side=None, max_pixels=MAX_SOURCE_PIXELS)
    except (OSError, SampleFault) as error:
        raise DataError(f"{path} cannot be read as a picture: {error}") from error


def _array_pixels(image: Any) -> NDArray[np.uint8]:
    """RGB pixels of a tensor or an array."""
    found = _tensor(image, _FORMS)
    shape = tuple(found.shape)
    if found.ndim == 2:
        found = found[None]
    if found.ndim == 3 and shape[0] not in (1, 2, 3, 4) and shape[-1] in (1, 2, 3, 4):
        found = found.permute(2, 0, 1)
    if found.ndim != 3 or found.shape[0] not in (1, 2, 3, 4) or not found.numel():
        raise DataError(f"a picture of shape {shape}: give (H, W), (C, H, W) or (H, W, C) with 1 to 4 channels")
    if found.dtype == torch.uint16:
        pixels = to_8_bits(found.permute(1, 2, 0).cpu().numpy())
    else:
        pixels = _in_bytes(found).permute(1, 2, 0).cpu().numpy()
    return to_rgb(Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)))


def _square(name: str, pixels: NDArray[np.uint8], size: int, finder: FaceFinder | None) -> Picture:
    height, width = pixels.shape[:2]
    if height == width == size:
        return Picture(name, pixels, f"{width}x{height}")
    side, note = min(width, height), f"{width}x{height}"
    corners = None if finder is None else finder.face(pixels)
    if corners is not None and not _framed(corners, width, height):
        edge = round(float(np.hypot(*(corners[3] - corners[0]))))
        return Picture(name, np.array(cut_square(pixels, corners, size)), f"{note}, cut to its face of {edge} pixels")
    if height != width:
        note += f", cut to its middle {side}x{side}" + (
            "" if finder is None else ": no face was found" * (corners is None)
        )
    note += "" if side == size else f", resized to {size}x{size}"
    return Picture(name, central_square(pixels, size), note, height != width and finder is None)


def _framed(corners: Points, width: int, height: int) -> bool:
    """Whether the central square is close to the face's square: side within 1/4, centre within 1/8 of the side."""
    side = min(width, height)
    edge = float(np.hypot(*(corners[3] - corners[0])))
    away = np.abs(corners.mean(axis=0) - (width / 2, height / 2)).max()
    return abs(edge - side) <= side / 4 and float(away) <= side / 8


@cache
def _say_middle() -> None:
    """Warns once per process that non-square pictures are cropped without a face detector."""
    log.warning("pictures are cropped to their central square; `pip install 'unif2ace[collect]'` to crop to the face")


def as_images(images: Any, size: int | None = None) -> Tensor:
    """Images as uint8 (B, 3, H, W).

    Integers must lie in 0..255, floats in 0..1. Floats in -1..1 are rejected: without a negative value, the range could
    also be 0..1. Nothing is resized.

    Args:
        images: One image or several: a tensor or an array with channels first or last, a PIL image, or a sequence of
            these. An image has 3 channels, or 1 for grayscale. An ambiguous shape is read as channels first.
        size: Required height and width in pixels; None for any size.

    Raises:
        DataError: If there is no image, images differ in size, or the dtype, value range or shape is not supported.
        ConfigError: If the images are not `size` x `size`.
    """
    if isinstance(images, Sequence) and not isinstance(images, str | bytes):
        found = [as_images(image) for image in images]
        sizes = list(dict.fromkeys(_size(image) for image in found))
        if len(sizes) > 1:
            raise DataError(f"pictures of {sizes[0]} and {sizes[1]} pixels: resize them to one size")
        images = torch.cat(found) if found else torch.zeros(0, 3, size or 1, size or 1, dtype=torch.uint8)
    image_BCHW = _in_bytes(_channels_first(_tensor(images, _KINDS)))
    if image_BCHW.shape[0] == 0:
        raise DataError("no picture is given: give one or more")
    if size is not None and image_BCHW.shape[-2:] != (size, size):
        raise ConfigError(f"pictures of {_size(image_BCHW)} pixels: this model takes {size}x{size}; resize them")
    return image_BCHW.expand(-1, 3, -1, -1)


def _size(image_BCHW: Tensor) -> str:
    return f"{image_BCHW.shape[-1]}x{image_BCHW.shape[-2]}"


def _tensor(images: Any, kinds: str) -> Tensor:
    """The images as a tensor of any shape (...); `kinds` is the list of supported types for error messages."""
    if isinstance(images, Image.Image):
        return torch.from_numpy(to_rgb(images))
    if isinstance(images, Tensor):
        if images.layout != torch.strided or images.is_meta:
            raise DataError(
                f"pictures are a tensor of layout {images.layout} on {images.device}: give .to_dense().cpu()"
            )
        return images.detach()
    if not hasattr(images, "__array__"):
        raise DataError(f"pictures of type {type(images).__name__}: give {kinds}")
    array = np.asarray(images)
    if array.dtype.kind not in "biuf":
        raise DataError(f"pictures of dtype {array.dtype}: give integers in 0..255 or floats in 0..1")
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=not array.flags.writeable))
    return torch.from_numpy(array)


def _channels_first(images: Tensor) -> Tensor:
    """Images (B, C, H, W) with 1 or 3 channels."""
    shape = tuple(images.shape)
    if images.ndim == 2:
        images = images[None]
    if images.ndim == 3:
        images = images[None]
    if images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.permute(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        alpha = " (drop the alpha channel)" if 4 in shape[-3:] else ""
        raise DataError(f"pictures of shape {shape}{alpha}: give {_KINDS}")
    return images


def _in_bytes(images: Tensor) -> Tensor:
    """Images (B, C, H, W) as uint8 in 0..255."""
    if not images.numel():
        return images.to(torch.uint8)
    if images.dtype == torch.bool or images.is_complex():
        raise DataError(f"pictures of dtype {images.dtype}: give integers in 0..255 or floats in 0..1")
    if images.is_floating_point():
        return _from_floats(images.float())
    images = images if images.dtype == torch.uint8 else images.long()  # torch has no minimum of other unsigned integers
    low, high = int(images.min()), int(images.max())
    if low < 0 or high > 255:
        raise DataError(f"pictures with integers {low} to {high}: give 0..255; convert 16 bits with x // 256")
    if high == 1:
        raise DataError("pictures with integers 0 and 1 only: give 0..255, such as (255 * x).round()")
    return images.to(torch.uint8)


def _from_floats(images: Tensor) -> Tensor:
    if not bool(images.isfinite().all()):
        raise DataError("pictures with NaN or infinite values: give floats in 0..1")
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise DataError(f"pictures with floats {low:g} to {high:g}: give floats in 0..1; {_TO_BYTES}")
    return (images * 255).round().to(torch.uint8)
