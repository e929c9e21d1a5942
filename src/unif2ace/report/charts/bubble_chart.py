"""A bubble chart of expert usage, as in figure 5 of arXiv 2503.08120. The area of a circle is a share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unif2ace.report.charts.svg import Chart, text
from unif2ace.report.escaping import escaped

_STEP, _TOP, _BOTTOM, _LETTER, _TITLE = 22, 34, 40, 6.6, 7.6


@dataclass(frozen=True)
class BubbleChart(Chart):
    """A chart of how often each expert is chosen, by layer.

    Attributes:
        title: A line above the chart.
        experts: Names of the experts, from top to bottom.
        frequency: Share of each expert in [0, 1], for each layer from the lowest to the highest.
        colour: Index of the colour in `COLOURS`.
    """

    title: str
    experts: Sequence[str]
    frequency: Sequence[Sequence[float]]
    colour: int = 0

    def size(self) -> tuple[float, float]:
        """Width and height in pixels: one square per layer and expert, plus the texts."""
        wide = max(len(self.frequency) * _STEP, _TITLE * len(self.title), 190)
        return self._left + wide + 8, _TOP + len(self.experts) * _STEP + _BOTTOM

    @property
    def _left(self) -> float:
        return 16 + _LETTER * max(map(len, self.experts), default=1)

    def parts(self) -> Iterator[str]:
        """The axes, the circles, and a legend with circles for the shares 0.1, 0.5 and 1."""
        left, bottom = self._left, _TOP + len(self.experts) * _STEP
        right = left + len(self.frequency) * _STEP
        yield text(left, 16, self.title, "title")
        for row, name in enumerate(self.experts):
            y = _TOP + (row + 0.5) * _STEP
            yield text(left - 8, y + 4, name, "small end")
            yield f'<line class="grid" x1="{left:.1f}" y1="{y}" x2="{right:.1f}" y2="{y}"/>'
        for layer, shares in enumerate(self.frequency):
            x = left + (layer + 0.5) * _STEP
            yield text(x, bottom + 14, str(layer), "small middle")
            for row, share in enumerate(shares):
                if math.isfinite(share) and share > 0:
                    what = f"layer {layer}, {self.experts[row]}: {share:.3f}"
                    yield self._circle(x, _TOP + (row + 0.5) * _STEP, share, what)
        yield text(left, bottom + 32, "layer; area:", "small")
        for number, share in enumerate((0.1, 0.5, 1.0)):
            x = left + 76 + 44 * number
            yield self._circle(x, bottom + 28, share, f"{share:g}")
            yield text(x + 13, bottom + 32, f"{share:g}", "small")

    def _circle(self, x: float, y: float, share: float, what: str) -> str:
        radius = (_STEP / 2 - 1) * math.sqrt(min(share, 1.0))
        title = f"<title>{escaped(what)}</title>"
        return f'<circle class="d{self.colour}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.2f}">{title}</circle>'
