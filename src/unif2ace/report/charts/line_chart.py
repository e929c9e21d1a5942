"""A line chart of several series."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from unif2ace.report.charts.series import Series
from unif2ace.report.charts.svg import COLOURS, Chart, number, text

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM, _LEGEND, _LETTER = 400, 220, 58, 12, 28, 42, 17, 6.6


@dataclass(frozen=True)
class LineChart(Chart):
    """A chart of several series with common axes.

    Attributes:
        title: A line above the chart.
        series: The series. A series without a finite point is left out.
        x_title: Title of the x axis.
        from_zero: Whether the y axis begins at 0.
    """

    title: str
    series: Sequence[Series]
    x_title: str = "step"
    from_zero: bool = False
    fits: ClassVar[bool] = True
    _shown: list[Series] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shown = [one.thinned() for one in self.series]
        object.__setattr__(self, "_shown", [one for one in shown if one.points])

    @property
    def empty(self) -> bool:
        """Whether no series has a finite point."""
        return not self._shown

    def size(self) -> tuple[float, float]:
        """Width and height in pixels, including the legend."""
        return _WIDTH, _HEIGHT + _LEGEND * len(self._legend())

    def parts(self) -> Iterator[str]:
        """SVG elements of the axes, the series and the legend."""
        xs = [x for one in self._shown for x, _ in one.points]
        ys = [y for one in self._shown for _, y in one.points] + ([0.0] if self.from_zero else [])
        (x0, x1), (y0, y1) = _range(xs), _range(ys)

        def place(x: float, y: float) -> tuple[float, float]:
            right = _LEFT + (x - x0) / (x1 - x0) * (_WIDTH - _LEFT - _RIGHT)
            return right, _TOP + (y1 - y) / (y1 - y0) * (_HEIGHT - _TOP - _BOTTOM)

        yield text(_LEFT, 16, self.title, "title")
        for y in ticks(y0, y1):
            _, down = place(x0, y)
            yield f'<line class="grid" x1="{_LEFT}" y1="{down:.1f}" x2="{_WIDTH - _RIGHT}" y2="{down:.1f}"/>'
            yield text(_LEFT - 6, down + 4, number(y), "small end")
        for x in ticks(x0, x1):
            yield text(place(x, y0)[0], _HEIGHT - _BOTTOM + 16, number(x), "small middle")
        yield text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, self.x_title, "small middle")
        for one in self._shown:
            yield from one.parts([place(x, y) for x, y in one.points])
        for row, line in enumerate(self._legend()):
            for x, one in line:
                y = _HEIGHT + _LEGEND * row + 10
                yield f'<circle class="d{one.colour % len(COLOURS)}" cx="{x + 4:.1f}" cy="{y - 4}" r="4"/>'
                yield text(x + 13, y, one.name, "small")

    def _legend(self) -> list[list[tuple[float, Series]]]:
        """Lines of the legend, each a list of (x position in pixels, series). Each name has one entry."""
        lines: list[list[tuple[float, Series]]] = []
        x = _WIDTH + 1.0
        for one in {one.name: one for one in self._shown if one.name}.values():
            width = 26 + _LETTER * len(one.name)
            if x + width > _WIDTH:
                lines.append([])
                x = float(_LEFT)
            lines[-1].append((x, one))
            x += width
        return lines


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most about `most` round values between `low` and `high`."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Smallest and largest value, moved apart if they are equal."""
    low, high = min(values), max(values)
    apart = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-12)
    return (low, high) if high - low >= apart else (low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2)
