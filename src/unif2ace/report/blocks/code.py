"""A block of commands or other preformatted text."""

from __future__ import annotations

from dataclasses import dataclass

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.escaping import escaped, fenced


@dataclass(frozen=True, slots=True)
class Code(ReportBlock):
    """Preformatted text.

    Attributes:
        text: The text.
    """

    text: str

    def html(self) -> str:
        """A ``pre`` element."""
        return f"<pre>{escaped(self.text)}</pre>"

    def markdown(self, assets: Assets) -> str:
        """A code block."""
        return fenced(self.text)
