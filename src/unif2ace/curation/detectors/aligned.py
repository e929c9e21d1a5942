"""A detector for pictures that are already aligned, such as those of FFHQ or CelebA-HQ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unif2ace.curation.detectors.base import Detector, FoundFace


class AlignedDetector(Detector):
    """Detects nothing. Each picture counts as one face, cropped to its central square."""

    aligned = True

    def find(self, pixels: NDArray[np.uint8], facts: Mapping[str, Any]) -> list[FoundFace]:
        """An empty list, because the picture itself is the face."""
        return []

    def describe(self) -> dict[str, Any]:
        """The detector's name."""
        return {"name": "aligned"}
