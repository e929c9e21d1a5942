"""Refuses blurred faces."""

from __future__ import annotations

import numpy as np

from unif2ace.curation.filters.base import FaceCandidate, FaceFilter


class SharpnessFilter(FaceFilter):
    """Limits the contrast of fine detail relative to the total contrast, in percent.

    The value is small for a blurred or enlarged face.

    Formula:
        ``100 std(L) / std(Y)`` over the central 64 x 64 of 128 x 128 pixels, with the luminance Y and its Laplacian L
        over the four neighbours. The brightness cancels, because L and Y both scale with it.
    """

    unit = " %"

    def measure(self, candidate: FaceCandidate) -> float:
        """The ratio in percent; 0 if the luminance is nearly constant (``std(Y) <= 1``)."""
        gray = candidate.grayscale[31:97, 31:97]
        middle = gray[1:-1, 1:-1]
        laplacian = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * middle
        contrast = float(np.std(middle))
        return 100 * float(np.std(laplacian)) / contrast if contrast > 1 else 0.0
