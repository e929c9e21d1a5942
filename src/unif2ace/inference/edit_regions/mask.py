"""The region method for a mask painted by the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unif2ace.errors import DataError
from unif2ace.inference.edit_regions.base import EditQuery, EditRegion

if TYPE_CHECKING:
    from torch import Tensor


class MaskRegion(EditRegion):
    """Chooses all tokens that a mask touches. The mask does not grow after failed attempts.

    Args:
        mask: Tensor or array (H, W) or (B, H, W), above 0 where the image may change; or a PIL image, above 127 where
            the image may change. H must be a multiple of the number of token rows, W of the number of token columns.

    Raises:
        DataError: If the mask has another shape, or marks no pixel.
    """

    def __init__(self, mask: Any) -> None:
        import numpy as np
        import torch

        array = np.asarray(mask.convert("L")) > 127 if hasattr(mask, "convert") else np.asarray(mask) > 0
        if array.ndim not in (2, 3):
            raise DataError(f"the mask has the shape {array.shape}: give one value per pixel, (H, W) or (B, H, W)")
        if not array.any():
            raise DataError("the mask marks no pixel: mark the part of the picture that may change")
        self.mask = torch.from_numpy(np.ascontiguousarray(array if array.ndim == 3 else array[None]))

    def find(self, query: EditQuery, grow: int = 0) -> Tensor:
        """Tokens to sample again, bool (B, N); see `EditRegion.find`."""
        from unif2ace.diffusion.inpainting import keep_tokens

        if len(self.mask) > 1 and max(query.places) >= len(self.mask):
            raise DataError(f"{len(self.mask)} masks for more results: give one mask, or one for each result")
        given = self.mask.expand(len(query.codes), -1, -1) if len(self.mask) == 1 else self.mask[list(query.places)]
        return ~keep_tokens(~given, *query.grid).to(query.codes.device)
