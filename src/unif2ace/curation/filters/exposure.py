"""Refuses faces that are too dark or too bright."""

from __future__ import annotations

from unif2ace.curation.filters.base import FaceCandidate, FaceFilter


class ExposureFilter(FaceFilter):
    """Limits the mean luminance of the central half of the face, from 0 (black) to 255 (white)."""

    def measure(self, candidate: FaceCandidate) -> float:
        """The mean luminance."""
        return float(candidate.grayscale[32:96, 32:96].mean())
