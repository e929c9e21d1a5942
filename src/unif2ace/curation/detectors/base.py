"""The base class of face detectors, and the faces that they find."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Points (x, y) in pixels from the top left corner of the picture. The centre of the first pixel is (0.5, 0.5)."""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face of a picture.

    Attributes:
        box: Left, top, right and bottom in pixels.
        landmarks: Left eye, right eye, tip of the nose, left and right corner of the mouth, float64 (5, 2). Left and
            right are the viewer's. An eye's point is the centre of its opening.
        score: Confidence of the detector; its scale depends on the detector.
    """

    box: tuple[float, float, float, float]
    landmarks: Points
    score: float = 1.0

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])


class Detector(ABC):
    """Finds the faces of a picture.

    Attributes:
        aligned: Whether the pictures are already aligned. Each picture is then used as one face, and `find` is not
            called.
    """

    aligned: bool = False

    @abstractmethod
    def find(self, pixels: NDArray[np.uint8], facts: Mapping[str, Any]) -> list[FoundFace]:
        """The faces, in any order.

        Args:
            pixels: RGB, uint8 (H, W, 3), upright.
            facts: The JSON beside the picture; empty if there is none.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All settings that determine the found faces, as plain JSON."""


def search_scale(height: int, width: int, smallest: int, largest: int) -> float:
    """Factor by which a picture is resized before detection.

    Args:
        height: Height in pixels.
        width: Width in pixels.
        smallest: The shorter side is enlarged to this number of pixels.
        largest: The longer side is reduced to this number of pixels. This limit overrides `smallest`.
    """
    return min(max(1.0, smallest / min(height, width)), largest / max(height, width))
