"""The base class of report sections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder


class Section(ABC):
    """A section of a report. To add a section, write a subclass and a yaml file in ``configs/section``.

    Attributes:
        title: Heading of the section.
    """

    title: ClassVar[str]

    @abstractmethod
    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """The blocks of the section. A section without blocks is left out of the report.

        If the method raises an error for a folder, the report leaves this folder out of the section and says so.

        Args:
            folders: The folders of the report.
            pictures: Reads pictures.
        """
