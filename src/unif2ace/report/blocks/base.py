"""What a part of a report must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod

from unif2ace.report.assets import Assets


class ReportBlock(ABC):
    """A part of a report, in two forms."""

    @abstractmethod
    def html(self) -> str:
        """The part in HTML, self-contained."""

    @abstractmethod
    def markdown(self, assets: Assets) -> str:
        """The part in Markdown.

        Args:
            assets: Takes the files that it refers to.
        """
