"""What a section of a report must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder


class Section(ABC):
    """A section. One class and one yaml in ``configs/section`` add another.

    Attributes:
        title: Its heading.
    """

    title: ClassVar[str]

    @abstractmethod
    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """Its parts; none if the folders have nothing for it, and then it is left out.

        A folder for which this raises is left out of the section, and the report says so.

        Args:
            folders: The folders of the report.
            pictures: Reads pictures.
        """
