"""A block of plain text."""

from __future__ import annotations

from dataclasses import dataclass

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.escaping import escaped, markdown


@dataclass(frozen=True, slots=True)
class Paragraph(ReportBlock):
    """A paragraph of plain text.

    Attributes:
        text: The text. Line breaks are kept.
        tone: ``bad`` for an error message in red, else empty.
    """

    text: str
    tone: str = ""

    def html(self) -> str:
        """A ``p`` element."""
        kind = f' class="{escaped(self.tone)}"' if self.tone else ""
        return f"<p{kind}>{escaped(self.text)}</p>"

    def markdown(self, assets: Assets) -> str:
        """The text."""
        return markdown(self.text)
