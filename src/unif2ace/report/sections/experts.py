"""Expert usage by layer, level and task, as in figure 5 of arXiv 2503.08120."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.charts import Charts
from unif2ace.report.blocks.heading import Heading
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.charts.bubble_chart import BubbleChart
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

_COLOURS = {"gen": 1, "und": 0}
_PAPER = (
    "The area of a circle is the share of tokens (at the sequence level: of pictures) routed to the expert. In the "
    "paper's figure 5, sequence-level shares are near 0 or 1 in each layer. The expert Face is chosen mostly in deep "
    "layers, the expert Noise in few layers."
)


class ExpertsSection(Section):
    """Shows the counts of the callback `expert_usage` as bubble charts, one for each level and task.

    For a table of experiments, the first seed of each row is shown.
    """

    title = "Experts"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """The charts of each run."""
        found: list[ReportBlock] = []
        for title, tree in ((t, tree) for f in folders if not f.of_table for t, tree in f.experts.items() if tree):
            said = [line for panel in tree["panels"] if (line := _said(panel))]
            found += [Heading(title), Charts([_chart(panel) for panel in tree["panels"]])]
            found += [Paragraph("\n".join(said))] if said else []
        return [Paragraph(_PAPER), *found] if found else []


def _chart(panel: Mapping[str, Any]) -> BubbleChart:
    group = str(panel["group"])
    names = [f"{name} {n + 1}" if not str(name).isdigit() else str(name) for n, name in enumerate(panel["experts"])]
    frequency = [[float(share) for share in row] for row in panel["frequency"]]
    if any(len(row) != len(names) for row in frequency):
        raise ValueError(f"{panel['level']}, {group}: the rows of frequencies do not have {len(names)} entries")
    return BubbleChart(f"{panel['level']} level, {panel.get('task', group)}", names, frequency, _COLOURS.get(group, 2))


def _said(panel: Mapping[str, Any]) -> str:
    """A sentence on the share of near-deterministic choices at the sequence level; empty for the token level."""
    shares = [float(share) for row in panel["frequency"] for share in row]
    if panel["level"] != "sequence" or not shares:
        return ""
    settled = sum(share < 0.1 or share > 0.9 for share in shares) / len(shares)
    return (
        f"Sequence level, {panel.get('task', panel['group'])}: {settled:.0%} of the shares are below 0.1 or above 0.9."
    )
