"""The base class of report blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod

from unif2ace.report.assets import Assets


class ReportBlock(ABC):
    """A block of a report, such as a table or a figure."""

    @abstractmethod
    def html(self) -> str:
        """The block as self-contained HTML."""

    @abstractmethod
    def markdown(self, assets: Assets) -> str:
        """The block as Markdown.

        Args:
            assets: Receives the files that the Markdown refers to.
        """
