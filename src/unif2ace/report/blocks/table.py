"""A block with a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from unif2ace.comparing.table import TextTable
from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.cell import Cell
from unif2ace.report.escaping import escaped, markdown

_NUMBER = re.compile(r"[-+±\d.,%()\s*e–]*(?:to[-+\d.\s()*]+)?(?:\([^)]*\))?")


@dataclass(frozen=True, slots=True)
class TableBlock(ReportBlock):
    """A scrolling table. Columns of numbers are right-aligned.

    Attributes:
        head: Names of the columns.
        rows: The rows, one cell per column.
        title: A line above the table.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    title: str = ""

    @classmethod
    def of(cls, table: TextTable) -> TableBlock:
        """Makes the block from a `TextTable`."""
        return cls(table.head, table.rows, table.title)

    def html(self) -> str:
        """A ``table`` element in a scrolling box."""
        right = [all(_NUMBER.fullmatch(_cell(row[n]).text) for row in self.rows) for n in range(len(self.head))]
        kinds = [' class="number"' if number else "" for number in right]
        head = "".join(f"<th{kind}>{escaped(name)}</th>" for name, kind in zip(self.head, kinds, strict=True))
        filled = (
            "".join(f"<td{kind}>{_cell(cell).html()}</td>" for cell, kind in zip(row, kinds, strict=True))
            for row in self.rows
        )
        rows = "".join(f"<tr>{cells}</tr>\n" for cells in filled)
        title = f"<p>{escaped(self.title)}</p>\n" if self.title else ""
        return f'{title}<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'

    def markdown(self, assets: Assets) -> str:
        """A Markdown table, with the title above it."""
        lines = [
            f"| {' | '.join(map(markdown, self.head))} |",
            f"|{'---|' * len(self.head)}",
            *(f"| {' | '.join(_cell(cell).markdown() for cell in row)} |" for row in self.rows),
        ]
        return "\n".join([*([markdown(self.title), ""] if self.title else []), *lines])


def _cell(cell: str | Cell) -> Cell:
    return cell if isinstance(cell, Cell) else Cell(cell)
