"""A table of strings that can be written as aligned text, CSV or Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of strings.

    Attributes:
        head: Names of the columns.
        rows: The rows, one string per column.
        title: A line above the table.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""

    def text(self) -> str:
        """The table as aligned columns, separated by two spaces."""
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in self._lines()]
        return "\n".join([*([self.title] if self.title else []), *lines])

    def markdown(self) -> str:
        """A Markdown table, with the title as a paragraph above it."""
        cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in self._lines()]
        head, *rows = (f"| {' | '.join(line)} |" for line in cells)
        rule = f"|{'---|' * len(self.head)}"
        return "\n".join([*([self.title, ""] if self.title else []), head, rule, *rows])

    def csv(self) -> str:
        """The table as comma-separated values, with the head as first line."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(self._lines())
        return out.getvalue()

    def _lines(self) -> list[Sequence[str]]:
        return [self.head, *self.rows]
