"""Converts images of a caller to the one kind that networks read. Shapes: B images of H x W pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unif2ace.data.shards import to_rgb
from unif2ace.errors import ConfigError, DataError

_KINDS = (
    "a tensor or an array of (B, 3, H, W), (B, H, W, 3) or of one picture, a PIL image, or a list of these; "
    "`unif2ace.data.roundtrip.read_picture(path, size).pixels` reads a file"
)


def as_images(images: Any, size: int | None = None) -> Tensor:
    """Images as uint8 (B, 3, H, W).

    Integers must lie in 0..255, floats in 0..1. Floats in -1..1 are refused, because a bright image without a negative
    value could be either. Nothing is resized.

    Args:
        images: One image or several: a tensor or an array with channels first or last, a PIL image, or a sequence of
            these. It has 3 channels, or 1 for grayscale. Channels are first if the shape allows both.
        size: Required height and width in pixels; None for any size.

    Raises:
        DataError: If there is no image, images differ in size, or the dtype, the range or the shape is another.
        ConfigError: If the size is another.
    """
    if isinstance(images, Sequence) and not isinstance(images, str | bytes):
        found = [as_images(image) for image in images]
        sizes = list(dict.fromkeys(_size(image) for image in found))
        if len(sizes) > 1:
            raise DataError(f"pictures of {sizes[0]} and {sizes[1]} pixels: resize them to one size")
        images = torch.cat(found) if found else torch.zeros(0, 3, size or 1, size or 1, dtype=torch.uint8)
    image_BCHW = _in_bytes(_channels_first(_tensor(images)))
    if image_BCHW.shape[0] == 0:
        raise DataError("no picture is given: give one or more")
    if size is not None and image_BCHW.shape[-2:] != (size, size):
        raise ConfigError(f"pictures of {_size(image_BCHW)} pixels: this model takes {size}x{size}; resize them")
    return image_BCHW.expand(-1, 3, -1, -1)


def _size(image_BCHW: Tensor) -> str:
    return f"{image_BCHW.shape[-1]}x{image_BCHW.shape[-2]}"


def _tensor(images: Any) -> Tensor:
    """A tensor of any shape (...)."""
    if isinstance(images, Image.Image):
        return torch.from_numpy(to_rgb(images))
    if isinstance(images, Tensor):
        if images.layout != torch.strided or images.is_meta:
            raise DataError(
                f"pictures are a tensor of layout {images.layout} on {images.device}: give .to_dense().cpu()"
            )
        return images.detach()
    if not hasattr(images, "__array__"):
        raise DataError(f"pictures of type {type(images).__name__}: give {_KINDS}")
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
        raise DataError(f"pictures with integers {low} to {high}: give 0..255; 16 bits become 8 by x // 256")
    if high == 1:
        raise DataError("pictures with integers 0 and 1 are black: floats in 0..1 become 0..255 by (255 * x).round()")
    return images.to(torch.uint8)


def _from_floats(images: Tensor) -> Tensor:
    if not bool(images.isfinite().all()):
        raise DataError("pictures with NaN or infinite values: give floats in 0..1")
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise DataError(
            f"pictures with floats {low:g} to {high:g}: give floats in 0..1; -1..1 becomes 0..1 by (x + 1) / 2, 0..255 "
            "by x / 255; clamp what resizing overshoots"
        )
    return (images * 255).round().to(torch.uint8)
