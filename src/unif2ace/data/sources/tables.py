"""Tables of image attributes: csv or jsonl, read row by row with line numbers."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from unif2ace.attributes.record import Value
from unif2ace.errors import DataError, nearest

TRUE: Final = frozenset({"true", "yes", "1", "1.0"})
FALSE: Final = frozenset({"false", "no", "0", "-1", "0.0", "-1.0"})
NULL: Final = frozenset({"", "null", "none", "nan", "na", "n/a"})


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
    """A table: its file's name, all columns, and the rows."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

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
    """The table in a csv file with a header, or a jsonl file with an object per line; both in UTF-8.

    Raises:
        DataError: If the file is missing, of another type, or a line is malformed.
    """
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows}
    if path.suffix.lower() not in readers:
        raise DataError(f"table {path} is neither .csv nor .jsonl")
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.suffix.lower() in readers)
        raise DataError(f"table {path} does not exist{nearest(path.name, there)}")
    try:
        rows = tuple(readers[path.suffix.lower()](path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not UTF-8 ({error}); save it with that encoding") from error
    if not rows:
        raise DataError(f"table {path} has no rows")
    return Table(path.name, tuple(dict.fromkeys(column for row in rows for column in row.cells)), rows)


def _csv_rows(path: Path) -> Iterator[TableRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            columns = [name.strip() for name in next(reader, [])]
            for name in columns:
                if not name or columns.count(name) > 1:
                    raise DataError(f"{path.name}:1: column name {name!r} is {'given twice' if name else 'empty'}")
            for cells in reader:
                if len(cells) != len(columns) and cells:
                    got = f"{len(cells)} cells, the header {len(columns)}"
                    raise DataError(f"{path.name}:{reader.line_num}: the row has {got}; quote cells that hold commas")
                if cells:
                    yield TableRow(f"{path.name}:{reader.line_num}", dict(zip(columns, cells, strict=True)))
        except csv.Error as error:
            raise DataError(f"{path.name}:{reader.line_num}: {error}") from error


def _jsonl_rows(path: Path) -> Iterator[TableRow]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path.name}:{number}: no valid JSON: {error}") from error
            if not isinstance(cells, dict):
                raise DataError(
                    f"{path.name}:{number}: a line must be an object, {{...}}, and not {line.strip()[:40]!r}"
                )
            yield TableRow(f"{path.name}:{number}", cells)


def parse_value(cell: object, choices: tuple[str, ...] = ()) -> Value:
    """The attribute value of a cell: true/false/yes/no/1/0/-1, one of the choices, or null for an empty one.

    Args:
        cell: A text or a JSON value.
        choices: Values of a field that is not boolean.

    Raises:
        DataError: If it is none of these.
    """
    word = "" if cell is None else str(cell).strip().lower()
    if word in NULL:
        return None
    if choices and word in choices:
        return word
    if not choices and isinstance(cell, str | bool | int | float) and word in TRUE | FALSE:
        return word in TRUE
    allowed = choices or ("true", "false", "yes", "no", "1", "0", "-1")
    raise DataError(f"{cell!r} is none of {', '.join(allowed)} (or empty){nearest(word, allowed)}")
