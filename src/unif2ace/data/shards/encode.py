"""Deterministic JPEG encoding: equal pixels give equal bytes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from unif2ace.errors import DataError


def encode_jpeg(
    image: NDArray[np.uint8], quality: int = 95, subsampling: Literal["444", "422", "420"] = "444"
) -> bytes:
    """Encodes an image as JPEG; with one encoder version, equal pixels give equal bytes.

    Args:
        image: RGB pixels, uint8 (H, W, 3).
        quality: JPEG quality, 1 to 100.
        subsampling: Chroma subsampling. ``444`` keeps the full chroma resolution, which the colours of lips and eyes in
            small images need.

    Raises:
        DataError: If `image` is not uint8 (H, W, 3) or `quality` is out of range.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise DataError(f"image of dtype {image.dtype} and shape {image.shape}: it must be uint8 (H, W, 3)")
    if not 1 <= quality <= 100:
        raise DataError(f"quality={quality}: it must be between 1 and 100")
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, "RGB", subsampling))
