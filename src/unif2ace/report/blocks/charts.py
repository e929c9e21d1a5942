"""A block of charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.charts.svg import Chart
from unif2ace.report.escaping import markdown


@dataclass(frozen=True, slots=True)
class Charts(ReportBlock):
    """Charts side by side, wrapped to the width of the page.

    Attributes:
        charts: The charts.
    """

    charts: Sequence[Chart]

    def html(self) -> str:
        """The charts as inline SVG, each in a box that scrolls."""
        parts = (f'<div class="scroll">{chart.svg()}</div>' for chart in self.charts)
        return f'<div class="charts">{"".join(parts)}</div>'

    def markdown(self, assets: Assets) -> str:
        """The charts as image files."""
        return "\n\n".join(
            f"![{markdown(chart.title)}]({assets.add(chart.svg(alone=True).encode(), '.svg')})" for chart in self.charts
        )
