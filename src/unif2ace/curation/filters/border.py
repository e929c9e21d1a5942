"""Refuses faces at the edge of the picture."""

from __future__ import annotations

import numpy as np

from unif2ace.curation.filters.base import FaceCandidate, FaceFilter

_STEPS = 32


class BorderFilter(FaceFilter):
    """Limits the share of the aligned square outside the picture, in percent. This area is filled by reflection."""

    unit = " %"

    def measure(self, candidate: FaceCandidate) -> float:
        """The share outside the picture in percent, counted on a grid of 32 x 32 points."""
        limits = (candidate.width, candidate.height)
        if (candidate.square >= 0).all() and (candidate.square <= limits).all():
            return 0.0
        a, b = np.meshgrid(*[(np.arange(_STEPS) + 0.5) / _STEPS] * 2)
        corner, down, across = (candidate.square[n] for n in (0, 1, 3))
        points = corner + a[..., None] * (across - corner) + b[..., None] * (down - corner)
        inside = (points >= 0).all(axis=-1) & (points <= limits).all(axis=-1)
        return 100 * float(1 - inside.mean())
