"""A series of points of a line chart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unif2ace.report.charts.svg import COLOURS

MOST_POINTS = 200
"""Maximum number of points of a series. A longer series is averaged over this number of parts."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one curve.

    Attributes:
        name: Name in the legend; empty for no entry.
        points: Pairs (x, y).
        colour: Index of the colour in `COLOURS`.
        dots: Whether each point is marked by a dot.
        pale: Whether the series is drawn semi-transparent.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    dots: bool = False
    pale: bool = False

    def thinned(self) -> Series:
        """The series without NaN and Inf, averaged to at most `MOST_POINTS` points."""
        points = [(x, y) for x, y in self.points if math.isfinite(x) and math.isfinite(y)]
        size = math.ceil(len(points) / MOST_POINTS)
        if size > 1:
            parts = (points[n : n + size] for n in range(0, len(points), size))
            points = [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]
        return replace(self, points=points)

    def parts(self, places: Sequence[tuple[float, float]]) -> Iterator[str]:
        """SVG elements of the series.

        Args:
            places: Positions (x, y) of the points in pixels.
        """
        colour, pale = self.colour % len(COLOURS), " pale" if self.pale else ""
        if len(places) > 1:
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline class="s{colour}{pale}" points="{line}"/>'
        for (x, y), (_, value) in zip(places, self.points, strict=True) if self.dots or len(places) == 1 else ():
            yield f'<circle class="d{colour}{pale}" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{value:.5g}</title></circle>'
