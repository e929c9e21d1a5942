"""Refuses faces that are too small in the picture."""

from __future__ import annotations

from unif2ace.curation.filters.base import FaceCandidate, FaceFilter


class ResolutionFilter(FaceFilter):
    """Limits the side of the aligned square, in pixels of the picture before resizing."""

    unit = " px"

    def measure(self, candidate: FaceCandidate) -> float:
        """The side in pixels."""
        return candidate.side
