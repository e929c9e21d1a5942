"""A heading inside a section."""

from __future__ import annotations

from dataclasses import dataclass

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.escaping import escaped, markdown


@dataclass(frozen=True, slots=True)
class Heading(ReportBlock):
    """A heading.

    Attributes:
        text: The text.
    """

    text: str

    def html(self) -> str:
        """An ``h3`` element."""
        return f"<h3>{escaped(self.text)}</h3>"

    def markdown(self, assets: Assets) -> str:
        """A heading of the third level."""
        return f"### {markdown(self.text)}"
