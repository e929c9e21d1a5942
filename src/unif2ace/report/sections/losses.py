"""Loss curves."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.charts import Charts
from unif2ace.report.blocks.heading import Heading
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.charts.line_chart import LineChart
from unif2ace.report.charts.series import MOST_POINTS, Series
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section


class LossesSection(Section):
    """Shows one chart for each loss, with one colour per run: training as a line, validation as dots.

    Args:
        depth: Maximum number of parts of a loss's name: 1 shows ``d3diff``, 2 also shows ``d3diff/mask``.
        leave_out: Names of losses that are not shown.
    """

    title = "Losses"

    def __init__(self, depth: int = 1, leave_out: Sequence[str] = ("nelbo",)) -> None:
        self.depth, self.leave_out = depth, tuple(leave_out)

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """The charts for each kind of network."""
        kinds: dict[str, list[ResultFolder]] = {}
        for folder in folders:
            if _losses(folder):
                kinds.setdefault(folder.kind, []).append(folder)
        found: list[ReportBlock] = []
        for kind, some in kinds.items():
            charts = [chart for name in self._names(some) if not (chart := _chart(name, some)).empty]
            found += [Heading(kind)] if len(kinds) > 1 and kind and charts else []
            found += [Charts(charts)] if charts else []
        lines = f"Lines: training, averaged to at most {MOST_POINTS} points. Dots: validation."
        return [Paragraph(lines), *found] if found else []

    def _names(self, folders: Sequence[ResultFolder]) -> list[str]:
        """Names of losses in the order of the log, the total loss first."""
        logged = dict.fromkeys(name for folder in folders for name in _losses(folder))
        names = [name for name in logged if name.count("/") < self.depth and name not in self.leave_out]
        return sorted(names, key=lambda name: name != "loss")


def _losses(folder: ResultFolder) -> list[str]:
    """Names of the training losses and of the configured validation losses.

    Short runs may log no training loss, only validation losses.
    """
    configured = {"loss", *(key.split(".")[1] for key in folder.config if key.startswith("loss."))}
    splits = [(split, name) for split, _, name in (key.partition("/") for key in folder.logged)]
    return [n for split, n in splits if split == "train" or (split == "val" and n.partition("/")[0] in configured)]


def _chart(name: str, folders: Sequence[ResultFolder]) -> LineChart:
    series = []
    for number, folder in enumerate(folders):
        series.append(Series(folder.name, folder.logged.get(f"train/{name}", ()), number))
        series.append(Series(folder.name, folder.logged.get(f"val/{name}", ()), number, dots=True))
    return LineChart(name, series)
