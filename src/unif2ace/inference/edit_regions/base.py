"""What a way to find the region of an edit receives. Shapes: B images, N = h w image tokens, K codes, H x W pixels."""

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
    """Images, and the model's predictions of their tokens under two descriptions.

    Attributes:
        codes: int64 (B, N) in [0, K), the images.
        num_codes: K, which stands for a masked code.
        grid: (h, w), rows and columns of tokens.
        before: Maps codes (B, N), masked ones K, and times (B,) to logits (B, N, K) under the description before the
            edit; only those of masked codes are defined.
        after: The same under the description after the edit.
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
            query: The images and their descriptions.
            grow: How often a region has failed. A larger one is returned, up to a limit.
        """
