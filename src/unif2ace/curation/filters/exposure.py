"""Light."""

from __future__ import annotations

from unif2ace.curation.filters.base import FaceCandidate, FaceFilter


class ExposureFilter(FaceFilter):
    """Mean luminance of the central half of the face, 0 for black to 255 for white."""

    def measure(self, candidate: FaceCandidate) -> float:
        """The mean luminance."""
        return float(candidate.grayscale[32:96, 32:96].mean())
