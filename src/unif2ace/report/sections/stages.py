"""The stages of a quickstart."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.report.blocks.base import Block
from unif2ace.report.blocks.table import Table
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section


class StagesSection(Section):
    """What a quickstart did, and how long each stage took."""

    title = "Stages"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[Block]:
        """A table for each quickstart."""
        return [
            Table(["stage", "seconds"], [[str(one["name"]), f"{one['seconds']:.0f}"] for one in folder.stages])
            for folder in folders
            if folder.stages
        ]
