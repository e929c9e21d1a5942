"""Pictures that are aligned already, such as FFHQ's or CelebA-HQ's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unif2ace.curation.detectors.base import Detector, FoundFace


class AlignedDetector(Detector):
    """Detects nothing: each picture is one face, and its central square is used."""

    aligned = True

    def find(self, pixels: NDArray[np.uint8], facts: Mapping[str, Any]) -> list[FoundFace]:
        """Nothing: the picture itself is the face."""
        return []

    def describe(self) -> dict[str, Any]:
        """Its name."""
        return {"name": "aligned"}
