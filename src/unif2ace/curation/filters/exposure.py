"""Light."""

from __future__ import annotations

from unif2ace.curation.filters.base import Candidate, Filter


class ExposureFilter(Filter):
    """Mean luminance of the central half of the face, 0 for black to 255 for white."""

    def measure(self, candidate: Candidate) -> float:
        """The mean luminance."""
        return float(candidate.grayscale[32:96, 32:96].mean())
