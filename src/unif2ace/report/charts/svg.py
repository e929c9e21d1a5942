"""The base class of SVG charts, and their colours and texts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from unif2ace.report.escaping import escaped

COLOURS = (
    ("#2f6db3", "#7fb2ea"),
    ("#c2571a", "#f0995f"),
    ("#2e8b57", "#6fce98"),
    ("#8a4fb0", "#c79be6"),
    ("#a8862a", "#dcc06a"),
    ("#b8336a", "#ec86b1"),
    ("#3a8f95", "#7ccfd4"),
    ("#6b6b73", "#b4b4bd"),
)
"""Colours of series, each for a light and for a dark page."""


def style() -> str:
    """The style sheet of charts, for a light and a dark page."""
    light = "".join(f"--c{n}:{one};" for n, (one, _) in enumerate(COLOURS))
    dark = "".join(f"--c{n}:{one};" for n, (_, one) in enumerate(COLOURS))
    series = "".join(
        f".chart .s{n}{{stroke:var(--c{n});fill:none}}.chart .d{n}{{fill:var(--c{n})}}" for n in range(len(COLOURS))
    )
    return (
        f".chart{{{light}--ink:#202024;--line:#d4d4da}}"
        f"@media(prefers-color-scheme:dark){{.chart{{{dark}--ink:#e4e4e8;--line:#44444c}}}}"
        ".chart text{font:12px system-ui,sans-serif;fill:var(--ink)}.chart .title{font-weight:600}"
        ".chart .small{font-size:11px}.chart .end{text-anchor:end}.chart .middle{text-anchor:middle}"
        ".chart .grid{stroke:var(--line);stroke-width:1}.chart polyline{stroke-width:1.8}"
        f".chart .pale{{opacity:.35}}{series}"
    )


class Chart(ABC):
    """A chart.

    Attributes:
        title: A line above the chart.
        fits: Whether the chart shrinks on a narrow page instead of scrolling.
    """

    title: str
    fits: ClassVar[bool] = False

    @abstractmethod
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""

    @abstractmethod
    def parts(self) -> Iterator[str]:
        """SVG elements of the chart."""

    def svg(self, alone: bool = False) -> str:
        """The chart as an SVG element.

        Args:
            alone: Whether the chart is a separate file. It then includes the style sheet.
        """
        width, height = (math.ceil(side) for side in self.size())
        more = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
        kind = "chart fits" if self.fits else "chart"
        sheet = f"<style>{style()}</style>" if alone else ""
        return (
            f'<svg class="{kind}" role="img" aria-label="{escaped(self.title)}" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}"{more}>{sheet}{"".join(self.parts())}</svg>'
        )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """A text element.

    Args:
        x: Distance from the left edge in pixels.
        y: Distance of the baseline from the top edge in pixels.
        words: The text.
        kind: CSS classes, separated by spaces.
    """
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escaped(words)}</text>'


def number(value: float) -> str:
    """Formats a number at an axis."""
    return f"{value:.4g}"
