"""A block of pictures in rows and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.encoded_picture import ENDING, EncodedPicture
from unif2ace.report.escaping import escaped, markdown


@dataclass(frozen=True, slots=True)
class PictureGrid(ReportBlock):
    """A scrolling grid of pictures, with a text above each row.

    Attributes:
        columns: Names of the columns.
        rows: Rows by text. Each row holds a list of pictures by name of the column.
    """

    columns: Sequence[str]
    rows: Mapping[str, Mapping[str, Sequence[EncodedPicture]]]

    def html(self) -> str:
        """A ``table`` element in a scrolling box."""
        head = "".join(f"<th>{escaped(name)}</th>" for name in self.columns)
        rows = "".join(
            f'<tr><th colspan="{len(self.columns)}"><span>{escaped(text)}</span></th></tr>\n<tr>'
            + "".join(f"<td>{''.join(p.html() for p in found.get(name, ()))}</td>" for name in self.columns)
            + "</tr>\n"
            for text, found in self.rows.items()
        )
        table = f'<table class="grid"><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>'
        return f'<div class="scroll">{table}</div>'

    def markdown(self, assets: Assets) -> str:
        """A Markdown table. The first column contains the texts of the rows."""
        lines = [f"| | {' | '.join(map(markdown, self.columns))} |", f"|{'---|' * (len(self.columns) + 1)}"]
        for text, found in self.rows.items():
            cells = (
                " ".join(f"![{markdown(p.title)}]({assets.add(p.data, ENDING)})" for p in found.get(name, ()))
                for name in self.columns
            )
            lines.append(f"| {markdown(text)} | {' | '.join(cells)} |")
        return "\n".join(lines)
