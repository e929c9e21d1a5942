"""The kind of images that networks read. Shapes: B images of H x W pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import DataError


def check_images(image: Tensor) -> Tensor:
    """The same images, uint8 (B, 3, H, W): other dtypes or shapes would be read as other pictures.

    Raises:
        DataError: If they are of another dtype or shape.
    """
    if image.dtype != torch.uint8 or image.ndim != 4 or image.shape[1] != 3:
        kind = f"{str(image.dtype).removeprefix('torch.')} of shape {tuple(image.shape)}"
        raise DataError(
            f"pictures are {kind}; networks read uint8 (B, 3, H, W) in 0..255: convert them with "
            "unif2ace.data.images.as_images"
        )
    return image
