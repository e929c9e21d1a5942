"""Rows of a data set from one or many files, with the pictures that some files hold inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from unif2ace.data.sources.tables import READABLE, TableRow, read_table
from unif2ace.errors import DataError, nearest

PARQUET = ".parquet"


class RowTable(Protocol):
    """Rows, and pictures inside them. It can be sent to another process.

    Attributes:
        name: What is read, for messages.
        columns: Names of all columns.
        fingerprint: What tells one version of the tables from another.
    """

    name: str
    fingerprint: str
    columns: tuple[str, ...]

    def rows(self, image_column: str) -> Iterator[TableRow]:
        """All rows in order, without the pictures inside; `image_column` then holds the picture's name, if any."""

    def embeds(self, image_column: str) -> bool:
        """Whether the column holds pictures and not only their names."""

    def embedded(self, row: int, image_column: str) -> bytes:
        """The file of the picture inside a row.

        Raises:
            SampleFault: If the row has none.
        """


class FileTable:
    """Rows of csv, tsv, jsonl and json files; pictures lie beside them.

    Args:
        files: The files.
        image_column: Column for the names of a json file that is an object of objects by name.
    """

    def __init__(self, files: list[Path], image_column: str) -> None:
        self.name = files[0].name if len(files) == 1 else f"{len(files)} files of {files[0].parent}"
        self.fingerprint = ""  # all that is read of them is part of the rows
        self._tables = [read_table(file, image_column) for file in files]
        self.columns = tuple(dict.fromkeys(column for table in self._tables for column in table.columns))

    def rows(self, image_column: str) -> Iterator[TableRow]:
        """See `RowTable`."""
        for table in self._tables:
            yield from table.rows

    def embeds(self, image_column: str) -> bool:
        """See `RowTable`."""
        return False

    def embedded(self, row: int, image_column: str) -> bytes:
        """See `RowTable`."""
        raise DataError(f"{self.name} holds no pictures")


def find_tables(
    path: Path,
    pattern: str | None,
    suffixes: tuple[str, ...] = (*READABLE, PARQUET),
    key: str = "source.path",
    pattern_key: str | None = "source.files",
) -> list[Path]:
    """The table at a path, or all tables below a folder.

    Args:
        path: A file or a folder.
        pattern: Which files of a folder, such as ``*train*.parquet``; None for all of one type.
        suffixes: Suffixes of tables.
        key: Key of the configuration that gives the path, for messages.
        pattern_key: Key that gives the pattern; None if there is none.

    Raises:
        DataError: If there is none, or tables of several types where no pattern chooses.
    """
    if path.is_file():
        return [path]
    if not path.exists():
        place = path.parent
        there = sorted(p.name for p in place.iterdir()) if place.is_dir() else []
        raise DataError(f"{key}={path} does not exist{nearest(path.name, there)}")
    found = sorted(f for f in path.rglob(pattern or "*") if f.is_file() and f.suffix.lower() in suffixes)
    found = [f for f in found if not any(part.startswith(".") for part in f.relative_to(path).parts)]
    if not found:
        holds = ", ".join(sorted(p.name for p in path.iterdir())[:8]) or "nothing"
        chosen = f" that match {pattern}" if pattern else ""
        raise DataError(f"{path} has no tables ({', '.join(suffixes)}){chosen}: it holds {holds} ({key})")
    types = sorted({f.suffix.lower() for f in found})
    if len(types) > 1:
        choose = f"choose with {pattern_key}='*{types[0]}'" if pattern_key else f"name one of the files in {key}"
        raise DataError(f"{path} has tables of several types ({', '.join(types)}): {choose}")
    return found
