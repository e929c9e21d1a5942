"""Training throughput."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.charts import Charts
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.charts.line_chart import LineChart
from unif2ace.report.charts.series import Series
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

VALUES = {"steps": "steps per second", "images": "images per second", "tokens": "tokens per second"}


class ThroughputSection(Section):
    """Shows steps, images and tokens per second, summed over all devices and without validation."""

    title = "Throughput"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """A table of medians, and a chart of images per second."""
        measured = [folder for folder in folders if any(f"throughput/{name}" in folder.logged for name in VALUES)]
        if not measured:
            return []
        rows = []
        for folder in measured:
            values = ([value for _, value in folder.logged.get(f"throughput/{name}", ())] for name in VALUES)
            rows.append([folder.name, *(f"{median(found):,.4g}" if found else "" for found in values)])
        series = [Series(f.name, f.logged.get("throughput/images", ()), n) for n, f in enumerate(measured)]
        chart = LineChart(VALUES["images"], series, from_zero=True)
        table = TableBlock(["run", *VALUES.values()], rows, "medians over the run")
        return [table, *([] if chart.empty else [Charts([chart])])]
