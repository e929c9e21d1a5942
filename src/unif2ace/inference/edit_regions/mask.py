"""A mask that the user paints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unif2ace.errors import DataError
from unif2ace.inference.edit_regions.base import EditQuery, EditRegion

if TYPE_CHECKING:
    from torch import Tensor


class MaskRegion(EditRegion):
    """Chooses all tokens that a mask touches. A given mask does not grow.

    Args:
        mask: bool or numbers (H, W) or (B, H, W), a tensor or an array, above 0 where the image may change; or a PIL
            image, above half its range. Its sides are multiples of the numbers of token rows and columns.

    Raises:
        DataError: If it has another shape, or is empty.
    """

    def __init__(self, mask: Any) -> None:
        import numpy as np
        import torch

        array = np.asarray(mask.convert("L")) > 127 if hasattr(mask, "convert") else np.asarray(mask) > 0
        if array.ndim not in (2, 3):
            raise DataError(f"mask of shape {array.shape}: give one value per pixel, (H, W) or (B, H, W)")
        if not array.any():
            raise DataError("mask: no pixel is marked; mark the part that may change")
        self.mask = torch.from_numpy(np.ascontiguousarray(array if array.ndim == 3 else array[None]))

    def find(self, query: EditQuery, grow: int = 0) -> Tensor:
        """Tokens to sample again, bool (B, N); see `EditRegion.find`."""
        from unif2ace.diffusion.inpainting import keep_tokens

        if len(self.mask) > 1 and max(query.places) >= len(self.mask):
            raise DataError(f"{len(self.mask)} masks for more results: give one, or one for each")
        given = self.mask.expand(len(query.codes), -1, -1) if len(self.mask) == 1 else self.mask[list(query.places)]
        return ~keep_tokens(~given, *query.grid).to(query.codes.device)
