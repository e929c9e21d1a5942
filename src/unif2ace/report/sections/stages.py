"""The stages of a quickstart."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section


class StagesSection(Section):
    """Shows the stages of a quickstart and their durations in seconds."""

    title = "Stages"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """One table for each quickstart."""
        return [
            TableBlock(["stage", "seconds"], [[str(one["name"]), f"{one['seconds']:.0f}"] for one in folder.stages])
            for folder in folders
            if folder.stages
        ]
