"""Checks the image format that all networks read. Shapes: B images of H x W pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import DataError


def check_images(image: Tensor) -> Tensor:
    """Returns uint8 images (B, 3, H, W) unchanged; networks would misread any other dtype or shape.

    Raises:
        DataError: If `image` is not uint8 (B, 3, H, W).
    """
    if image.dtype != torch.uint8 or image.ndim != 4 or image.shape[1] != 3:
        kind = f"{str(image.dtype).removeprefix('torch.')} of shape {tuple(image.shape)}"
        raise DataError(
            f"pictures are {kind}; networks read uint8 (B, 3, H, W) in 0..255: convert them with "
            "unif2ace.data.images.as_images"
        )
    return image
