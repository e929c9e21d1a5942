"""Blur."""

from __future__ import annotations

import numpy as np

from unif2ace.curation.filters.base import FaceCandidate, FaceFilter


class SharpnessFilter(FaceFilter):
    """Contrast of fine detail relative to all contrast, in percent; small for a blurred or enlarged face.

    Formula:
        ``100 std(L) / std(Y)`` over the central half of the face, 64 x 64 of 128 x 128 pixels: Y luminance, L its
        Laplacian over the four neighbours. Both scale with the light.
    """

    unit = " %"

    def measure(self, candidate: FaceCandidate) -> float:
        """The ratio in percent; 0 for a face of one colour."""
        gray = candidate.grayscale[31:97, 31:97]
        middle = gray[1:-1, 1:-1]
        laplacian = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * middle
        contrast = float(np.std(middle))
        return 100 * float(np.std(laplacian)) / contrast if contrast > 1 else 0.0
