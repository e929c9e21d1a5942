"""Likelihood bounds of the true faces."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.charts import Charts
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.charts.line_chart import LineChart
from unif2ace.report.charts.series import Series
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

LOGGED, SCORED = "val/nelbo", "nelbo"


class BoundsSection(Section):
    """Shows upper bounds of the negative log-likelihood of image tokens given the caption, in nats per token."""

    title = "Likelihood bounds"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """A chart of the validations, and a table of the evaluations that measured the bound."""
        logged = [(folder.name, folder.logged[LOGGED]) for folder in folders if LOGGED in folder.logged]
        series = [Series(name, points, number, dots=True) for number, (name, points) in enumerate(logged)]
        chart = LineChart("bound at each validation, nats per image token", series)
        rows = []
        for folder in folders:
            run = folder.compared
            for name in run.scores:
                if SCORED in name or "likelihood_bound" in name:
                    limits = run.interval(name)
                    interval = f"{limits[0]:.4g} to {limits[1]:.4g}" if limits else ""
                    rows.append([folder.name, name, f"{run.scores[name]:.5g}", interval])
        said = "Lower is better. Only runs with the same image tokenizer and data can be compared."
        found: list[ReportBlock] = [] if chart.empty else [Charts([chart])]
        found += [TableBlock(["run", "bound", "nats per image token", "95 % interval"], rows)] if rows else []
        return [Paragraph(said), *found] if found else []
