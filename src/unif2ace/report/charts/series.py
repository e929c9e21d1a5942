"""A series of a chart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unif2ace.report.charts.svg import COLOURS

MOST_POINTS = 200
"""A series with more points is shown as the means of this many parts."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one curve.

    Attributes:
        name: Its name in the legend; empty for none.
        points: x and y.
        colour: Number of its colour.
        dots: Whether each point is marked.
        pale: Whether it stands back behind others.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    dots: bool = False
    pale: bool = False

    def thinned(self) -> Series:
        """The series without values that are not finite, and with at most `MOST_POINTS` points."""
        points = [(x, y) for x, y in self.points if math.isfinite(x) and math.isfinite(y)]
        size = math.ceil(len(points) / MOST_POINTS)
        if size > 1:
            parts = (points[n : n + size] for n in range(0, len(points), size))
            points = [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]
        return replace(self, points=points)

    def parts(self, places: Sequence[tuple[float, float]]) -> Iterator[str]:
        """Its SVG elements.

        Args:
            places: Places of its points in pixels.
        """
        colour, pale = self.colour % len(COLOURS), " pale" if self.pale else ""
        if len(places) > 1:
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline class="s{colour}{pale}" points="{line}"/>'
        for (x, y), (_, value) in zip(places, self.points, strict=True) if self.dots or len(places) == 1 else ():
            yield f'<circle class="d{colour}{pale}" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{value:.5g}</title></circle>'
