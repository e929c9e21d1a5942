"""The region method for a fixed rectangle of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unif2ace.inference.edit_regions.base import EditQuery, EditRegion
from unif2ace.inference.region import region_tokens

if TYPE_CHECKING:
    from torch import Tensor


class BoxRegion(EditRegion):
    """Chooses all tokens that a rectangle touches. The rectangle does not grow after failed attempts.

    Args:
        box: Left, top, right and bottom edge as shares of the image's sides, in [0, 1].

    Raises:
        ConfigError: If the edges are not a rectangle in the image.
    """

    def __init__(self, box: Sequence[float] = (0.15, 0.1, 0.85, 0.9)) -> None:
        self.box = tuple(box)
        region_tokens(self.box, 1024, 16)  # refuses edges that are not a rectangle before a face is described

    def find(self, query: EditQuery, grow: int = 0) -> Tensor:
        """Tokens to sample again, bool (B, N); see `EditRegion.find`.

        Raises:
            ConfigError: If the rectangle covers no pixel of the image.
        """
        found_1N = region_tokens(self.box, query.image_size, query.codes.shape[1])
        return found_1N.expand(len(query.codes), -1).to(query.codes.device)
