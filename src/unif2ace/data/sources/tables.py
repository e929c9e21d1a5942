"""Reads tables from csv, tsv, jsonl or json files; each row records its file and line."""

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
"""Suffixes that `read_table` accepts. A json file is read only if the configuration names it."""
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
    """All rows of one table file.

    Attributes:
        name: Name of the file.
        columns: Names of all columns, in the order of their first appearance.
        rows: The rows.
        separator: Separator of a csv file's cells, in words, such as ``commas``; empty for json and jsonl.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    separator: str = ""

    def need(self, column: str, setting: str) -> None:
        """Checks that a column exists.

        Args:
            column: Name of the column.
            setting: Configuration key that names the column, for the message.

        Raises:
            DataError: If the column is missing.
        """
        if column not in self.columns:
            there = ", ".join(self.columns)
            hint = nearest(column, self.columns)
            raise DataError(f"{self.name} has no column {column!r}; set {setting} to one of {there}{hint}")


def read_table(path: Path, name_column: str = "file") -> Table:
    """Reads a csv or tsv file with a header, a jsonl file with one object per line, or a json file.

    Cells of a csv file are separated by commas, semicolons, tabs or bars: the separator that is most frequent in the
    header. A json file is a list of objects, an object with one such list, or has the form ``{NAME: {...}}``.

    Args:
        path: The file.
        name_column: Column that receives the names of a json file of the form ``{NAME: {...}}``.

    Raises:
        DataError: If the file is missing, has another type or encoding, has no rows, or a line is malformed.
    """
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise DataError(f"table {path}: the file type must be one of {', '.join(READABLE)}")
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
    """The contents of a json file, in UTF-8 with or without a byte order mark. Duplicate keys are an error.

    Raises:
        DataError: If the file is missing, has another encoding, or is not valid JSON.
    """
    return _parsed_json(path.name, read_text(path))


def _parsed_json(name: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise DataError(f"{name} is not valid JSON: {error}") from error


def _delimiter(text: str) -> str:
    header = text.lstrip("\n").partition("\n")[0]
    if header.startswith("sep=") and header[4:] in DELIMITERS:  # the first line of some spreadsheets
        return header[4:]
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter), [])))


def csv_rows(path: Path) -> Iterator[TableRow]:
    """Yields the rows of a csv or tsv file one at a time, for large files.

    Raises:
        DataError: If the file is missing, has another encoding, or a line is malformed.
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
                raise DataError(f"{name}:{reader.line_num}: two columns are named {column!r}; rename or remove one")
        for cells in reader:
            if len(cells) != len(columns) and cells:
                got = f"{len(cells)} cells, but the header has {len(columns)} (separated by {DELIMITERS[delimiter]})"
                raise DataError(f"{name}:{reader.line_num}: the row has {got}; quote cells that contain {delimiter!r}")
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
            raise DataError(f"{name}:{number}: the line is not valid JSON: {error}") from error
        if not isinstance(cells, dict):
            raise DataError(f"{name}:{number}: a line must be a JSON object {{...}}, not {line.strip()[:40]!r}")
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
                    f"{name}: entry {key!r} is {str(value)[:40]!r}; give a list of rows, or one object per entry"
                )
            yield TableRow(f"{name}, {key!r}", {name_column: key, **value})
        return
    rows = lists[0] if lists else []
    if not isinstance(rows, list):
        raise DataError(f"{name} holds {str(rows)[:40]!r}; give a list of rows")
    for number, cells in enumerate(rows, start=1):
        if not isinstance(cells, dict):
            raise DataError(f"{name}, row {number}: a row must be a JSON object {{...}}, not {str(cells)[:40]!r}")
        yield TableRow(f"{name}, row {number}", {same_form(column): cell for column, cell in cells.items()})


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Builds an object and rejects duplicate keys, of which the json module would silently keep the last."""
    keys = [same_form(key) for key, _ in pairs]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise ValueError(f"the key {twice!r} occurs twice; remove one")
    return dict(pairs)
