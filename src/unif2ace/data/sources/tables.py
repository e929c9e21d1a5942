"""Tables of image attributes: csv, tsv or jsonl, read row by row with line numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from unif2ace.data.sources.cells import same_form
from unif2ace.data.sources.text_files import read_text
from unif2ace.errors import DataError, nearest

SUFFIXES: Final = (".csv", ".tsv", ".jsonl")
DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table.

    Attributes:
        place: File and line, such as ``metadata.csv:7``.
        cells: Values by column.
    """

    place: str
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: Name of its file.
        columns: All columns, in the order of their first appearance.
        rows: The rows.
        separator: What separates the cells of a csv file, such as ``commas``; empty for jsonl.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    separator: str = ""

    def need(self, column: str, setting: str) -> None:
        """Checks that a column exists.

        Args:
            column: Name of the column.
            setting: Setting that requires it.

        Raises:
            DataError: If the column is missing; the message names the setting.
        """
        if column not in self.columns:
            there = ", ".join(self.columns)
            hint = nearest(column, self.columns)
            raise DataError(f"{self.name} has no column {column!r}{hint} ({setting}; it has {there})")


def read_table(path: Path) -> Table:
    """The table in a csv or tsv file with a header, or a jsonl file with an object per line.

    The cells of a csv file are separated by commas, semicolons, tabs or bars, whichever its header has most of.

    Raises:
        DataError: If the file is missing, of another type or encoding, or a line is malformed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"table {path} is none of {', '.join(SUFFIXES)}")
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.suffix.lower() in SUFFIXES)
        raise DataError(f"table {path} does not exist{nearest(path.name, there)}")
    text = read_text(path)
    jsonl = path.suffix.lower() == ".jsonl"
    separator = "" if jsonl else DELIMITERS[_delimiter(text)]
    rows = tuple(_jsonl_rows(path.name, text) if jsonl else _csv_rows(path.name, text))
    if not rows:
        raise DataError(f"table {path} has no rows")
    return Table(path.name, tuple(dict.fromkeys(column for row in rows for column in row.cells)), rows, separator)


def _delimiter(text: str) -> str:
    header = text.lstrip("\n").partition("\n")[0]
    if header.startswith("sep=") and header[4:] in DELIMITERS:  # the first line of some spreadsheets
        return header[4:]
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter), [])))


def csv_rows(path: Path) -> Iterator[TableRow]:
    """The rows of a csv or tsv file, one at a time, for large files.

    Raises:
        DataError: If the file is missing or of another encoding, or a line is malformed.
    """
    return _csv_rows(path.name, read_text(path))


def _csv_rows(name: str, text: str) -> Iterator[TableRow]:
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        columns = [
            same_form(column.strip())
            for column in next((cells for cells in reader if cells and not cells[0].startswith("sep=")), [])
        ]
        for column in columns:
            if not column:
                number = columns.index(column) + 1
                raise DataError(
                    f"{name}:{reader.line_num}: column {number} of {len(columns)} has no name: name it, or remove the "
                    "column (pandas writes one for its index; to_csv(index=False) does not)"
                )
            if columns.count(column) > 1:
                raise DataError(f"{name}:{reader.line_num}: column name {column!r} is given twice")
        for cells in reader:
            if len(cells) != len(columns) and cells:
                got = f"{len(cells)} cells, the header {len(columns)} (separated by {DELIMITERS[delimiter]})"
                raise DataError(f"{name}:{reader.line_num}: the row has {got}; quote cells that hold {delimiter!r}")
            if cells:
                yield TableRow(f"{name}:{reader.line_num}", dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise DataError(f"{name}:{reader.line_num}: {error}") from error


def _jsonl_rows(name: str, text: str) -> Iterator[TableRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line, object_pairs_hook=_once)
        except ValueError as error:
            raise DataError(f"{name}:{number}: no valid JSON: {error}") from error
        if not isinstance(cells, dict):
            raise DataError(f"{name}:{number}: a line must be an object, {{...}}, and not {line.strip()[:40]!r}")
        yield TableRow(f"{name}:{number}", {same_form(column): cell for column, cell in cells.items()})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, if no key is given twice: JSON would keep the last value."""
    keys = [same_form(key) for key, _ in pairs]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise ValueError(f"{twice!r} is given twice")
    return dict(pairs)
