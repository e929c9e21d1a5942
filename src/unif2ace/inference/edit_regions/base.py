"""The base class of region methods, and their input. Shapes: B images, N = h w image tokens, K codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    Denoise = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class EditQuery:
    """Images, and the model's predictions of their tokens under the descriptions before and after an edit.

    Attributes:
        codes: Codes of the images, int64 (B, N) in [0, K).
        num_codes: K, the codebook size; K marks a masked code.
        grid: (h, w), rows and columns of tokens.
        before: Maps codes (B, N) with K for masked tokens, and times (B,), to logits (B, N, K). The prompt is the
            description before the edit. Only the logits of masked tokens are defined.
        after: Same as `before`, with the description after the edit as prompt.
        seeds: One seed per image.
        places: Index of each image among all results of the edit.
        image_size: S, side of the images in pixels.
    """

    codes: Tensor
    num_codes: int
    grid: tuple[int, int]
    before: Denoise
    after: Denoise
    seeds: Sequence[int]
    places: Sequence[int]
    image_size: int


class EditRegion(ABC):
    """Finds the tokens to change."""

    @abstractmethod
    def find(self, query: EditQuery, grow: int = 0) -> Tensor:
        """Tokens to sample again, bool (B, N); at least one per image.

        Args:
            query: The images and the model's predictions.
            grow: Number of failed attempts. The region grows with this number, up to a limit.
        """
