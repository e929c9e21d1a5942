"""Refuses faces that are turned away from the camera."""

from __future__ import annotations

import numpy as np

from unif2ace.curation.filters.base import FaceCandidate, FaceFilter


class PoseFilter(FaceFilter):
    """Limits the yaw of the head: the distance of the nose's tip from the midline, divided by the eye distance.

    The midline connects the centre between the eyes and the centre between the corners of the mouth. The value is about
    0 for a frontal face, 0.25 for a yaw of 25 degrees, and at least 0.5 for a profile. It is invariant to in-plane
    rotation.
    """

    def measure(self, candidate: FaceCandidate) -> float | None:
        """The distance in units of the eye distance; None without landmarks."""
        if candidate.face is None:
            return None
        left, right, nose, *mouth = candidate.face.landmarks
        middle, down = (left + right) / 2, np.mean(mouth, axis=0) - (left + right) / 2
        across = np.array([down[1], -down[0]]) / max(float(np.hypot(*down)), 1e-9)
        return abs(float((nose - middle) @ across)) / max(float(np.hypot(*(right - left))), 1e-9)
