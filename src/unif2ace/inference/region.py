"""Converts a rectangle of a picture to image tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


def region_tokens(region: Sequence[float], size: int, number: int) -> Tensor:
    """The tokens that contain at least one pixel of a rectangle.

    Args:
        region: Left, top, right and bottom edge as shares of the picture's sides, 0 to 1.
        size: S, side of the picture in pixels.
        number: N, number of image tokens, a square number.

    Returns:
        True for tokens in the region, bool (1, N).

    Raises:
        ConfigError: If the edges are not a rectangle in the picture, or the rectangle contains no pixel.
    """
    import torch

    from unif2ace.diffusion.inpainting import keep_tokens

    edges = [float(edge) for edge in region]
    if len(edges) != 4 or not (0 <= edges[0] < edges[2] <= 1 and 0 <= edges[1] < edges[3] <= 1):
        raise ConfigError(
            f"region={edges}: give [left,top,right,bottom] in [0, 1] with left < right and top < bottom, such as "
            "[0,0.5,1,1]"
        )
    left, top, right, bottom = (round(edge * size) for edge in edges)
    if left == right or top == bottom:
        raise ConfigError(f"region={edges} contains no pixel of the {size}x{size} picture: give a larger region")
    keep = torch.ones(1, size, size, dtype=torch.bool)
    keep[:, top:bottom, left:right] = False
    side = round(number**0.5)
    return ~keep_tokens(keep, side, side)
