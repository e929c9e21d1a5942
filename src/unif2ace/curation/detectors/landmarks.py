"""Reads landmarks from files beside the pictures, for example from a data set or from another detector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unif2ace.curation.detectors.base import Detector, FoundFace
from unif2ace.data.shards import SampleFault
from unif2ace.errors import ConfigError


class LandmarksDetector(Detector):
    """Reads faces from an entry of the JSON beside each picture.

    The entry is a list with five points ``[x, y]`` for each face, in pixels of the upright picture and in the order of
    `FoundFace.landmarks`. An empty list means that the picture has no face.

    Args:
        entry: Name of the JSON entry.

    Raises:
        ConfigError: If the name is empty.
    """

    def __init__(self, entry: str = "landmarks") -> None:
        if not entry:
            raise ConfigError("detector.entry is empty; give the name of the JSON entry with the landmarks")
        self.entry = entry

    def find(self, pixels: NDArray[np.uint8], facts: Mapping[str, Any]) -> list[FoundFace]:
        """The faces listed in the JSON beside the picture.

        Raises:
            SampleFault: If the entry is missing or malformed.
        """
        if self.entry not in facts:
            raise SampleFault("missing", f"the JSON beside the picture has no entry {self.entry!r} (detector.entry)")
        try:
            faces = [np.array(face, np.float64) for face in facts[self.entry]]
        except (TypeError, ValueError):
            faces = [np.zeros(0)]
        if any(face.shape != (5, 2) or not np.isfinite(face).all() for face in faces):
            raise SampleFault("schema", f"entry {self.entry!r} must be a list of faces with five points [x, y] each")
        return [FoundFace(_box(face), face) for face in faces]

    def describe(self) -> dict[str, Any]:
        """The name of the entry."""
        return {"name": "landmarks", "entry": self.entry}


def _box(landmarks: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """A square box with twice the extent of the landmarks, about as large as a detector's box."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    centre, half = (low + high) / 2, float((high - low).max())
    x, y = centre.tolist()
    return x - half, y - half, x + half, y + half
