"""A table cell with a mark or a note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unif2ace.report.escaping import escaped, markdown

MARKS = {"good": "✓ ", "bad": "✗ "}


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell.

    Attributes:
        text: The text.
        tone: ``good`` and ``bad`` put ✓ or ✗ before the text; ``faint`` makes the text grey.
        note: A second line in red, for the errors in the text.
    """

    text: str
    tone: Literal["", "good", "bad", "faint"] = ""
    note: str = ""

    def html(self) -> str:
        """The content of a ``td`` element."""
        note = f'<br><span class="bad">{escaped(self.note)}</span>' if self.note else ""
        text = f"{MARKS.get(self.tone, '')}{escaped(self.text)}"
        return (f'<span class="{self.tone}">{text}</span>' if self.tone else text) + note

    def markdown(self) -> str:
        """The text with its mark. Grey text is set in italics."""
        text = f"{MARKS.get(self.tone, '')}{markdown(self.text)}"
        text = f"*{text}*" if self.tone == "faint" and text else text
        return f"{text}<br>{markdown(self.note)}" if self.note else text
