"""Tables of images: csv, tsv, jsonl or json, read row by row with line numbers."""

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
READABLE: Final = (*SUFFIXES, ".json")
"""Suffixes of `read_table`. A json file beside images is not taken for a table unless it is named."""
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


def read_table(path: Path, name_column: str = "file") -> Table:
    """The table in a csv or tsv file with a header, a jsonl file with an object per line, or a json file.

    The cells of a csv file are separated by commas, semicolons, tabs or bars, whichever its header has most of. A json
    file is a list of objects, an object with one such list, or an object of objects by name.

    Args:
        path: The file.
        name_column: Column for the names of a json file that is an object of objects by name.

    Raises:
        DataError: If the file is missing, of another type or encoding, or a line is malformed.
    """
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise DataError(f"table {path} is not one of {', '.join(READABLE)}")
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.suffix.lower() in READABLE)
        raise DataError(f"table {path} does not exist{nearest(path.name, there)}")
    text = read_text(path)
    separator = DELIMITERS[_delimiter(text)] if suffix in (".csv", ".tsv") else ""
    if suffix == ".json":
        rows = tuple(_json_rows(path.name, text, name_column))
    else:
        rows = tuple(_csv_rows(path.name, text) if separator else _jsonl_rows(path.name, text))
    if not rows:
        raise DataError(f"table {path} has no rows")
    return Table(path.name, tuple(dict.fromkeys(column for row in rows for column in row.cells)), rows, separator)


def read_json(path: Path) -> Any:
    """The tree of a json file, in UTF-8 with or without a byte order mark; no key of an object may be given twice.

    Raises:
        DataError: If the file is missing, of another encoding, or no valid JSON.
    """
    return _parsed_json(path.name, read_text(path))


def _parsed_json(name: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise DataError(f"{name}: no valid JSON: {error}") from error


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


def _json_rows(name: str, text: str, name_column: str) -> Iterator[TableRow]:
    lines = [line for line in text.split("\n", 2) if line.strip()]
    if len(lines) > 1 and _is_object(lines[0]) and _is_object(lines[1]):  # jsonl under the name of json
        yield from _jsonl_rows(name, text)
        return
    tree = _parsed_json(name, text)
    lists = [value for value in tree.values() if isinstance(value, list)] if isinstance(tree, dict) else [tree]
    if isinstance(tree, dict) and tree and len(lists) != 1:
        tree = tree["annotations"] if isinstance(tree.get("annotations"), dict) else tree
        for key, value in tree.items():
            if not isinstance(value, dict):
                raise DataError(
                    f"{name}: entry {key!r} is {str(value)[:40]!r}, not an object; it must be a list of rows"
                )
            yield TableRow(f"{name}, {key!r}", {name_column: key, **value})
        return
    rows = lists[0] if lists else []
    if not isinstance(rows, list):
        raise DataError(f"{name} holds {str(rows)[:40]!r}, not a list of rows")
    for number, cells in enumerate(rows, start=1):
        if not isinstance(cells, dict):
            raise DataError(f"{name}, row {number}: a row must be an object, {{...}}, and not {str(cells)[:40]!r}")
        yield TableRow(f"{name}, row {number}", {same_form(column): cell for column, cell in cells.items()})


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, if no key is given twice: JSON would keep the last value."""
    keys = [same_form(key) for key, _ in pairs]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise ValueError(f"{twice!r} is given twice")
    return dict(pairs)
