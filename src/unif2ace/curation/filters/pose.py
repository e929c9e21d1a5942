"""Turn of the head."""

from __future__ import annotations

import numpy as np

from unif2ace.curation.filters.base import FaceCandidate, FaceFilter


class PoseFilter(FaceFilter):
    """Distance of the nose's tip from the middle line of the face, in distances between the eyes.

    The middle line runs from between the eyes to between the corners of the mouth. About 0 for a face that looks
    straight ahead, 0.25 for a turn of 25 degrees, 0.5 and more for a profile. A tilt does not change it.
    """

    def measure(self, candidate: FaceCandidate) -> float | None:
        """The distance; None without landmarks."""
        if candidate.face is None:
            return None
        left, right, nose, *mouth = candidate.face.landmarks
        middle, down = (left + right) / 2, np.mean(mouth, axis=0) - (left + right) / 2
        across = np.array([down[1], -down[0]]) / max(float(np.hypot(*down)), 1e-9)
        return abs(float((nose - middle) @ across)) / max(float(np.hypot(*(right - left))), 1e-9)
