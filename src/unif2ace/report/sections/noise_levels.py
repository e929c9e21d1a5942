"""Losses of image tokens, by noise level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.charts import Charts
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.charts.line_chart import LineChart
from unif2ace.report.charts.series import Series
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

VALUES = {
    "mask": "mask loss, nats per masked token",
    "score": "score loss, nats per picture",
    "ratio": "score loss over mask loss",
}


class NoiseLevelsSection(Section):
    """Shows mask loss, score loss and their ratio over the share of masked tokens, from the callback `noise_levels`."""

    title = "Noise levels"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """One chart for each value, with one colour per run. Training losses are pale lines, validation losses dots."""
        found = [folder for folder in folders if folder.noise_levels]
        charts = [
            LineChart(title, [s for n, f in enumerate(found) for s in _series(f, value, n)], "share of masked tokens")
            for value, title in VALUES.items()
        ]
        charts = [chart for chart in charts if not chart.empty]
        said = "Dots: the last validation. Pale lines: training steps before it."
        return [Paragraph(said), Charts(charts)] if charts else []


def _series(folder: ResultFolder, value: str, number: int) -> list[Series]:
    tree: Mapping[str, Any] = folder.noise_levels
    levels, curves = tree["levels"], tree["curves"]
    found = []
    for stage in ("train", "val"):
        values = curves.get(stage, {}).get(value, [])
        points = [(float(x), float(y)) for x, y in zip(levels, values, strict=False) if y is not None]
        found.append(Series(folder.name, points, number, dots=stage == "val", pale=stage == "train"))
    return found
