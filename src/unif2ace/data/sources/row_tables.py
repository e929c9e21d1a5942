"""Protocol of tables of one or several files; some tables also hold the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from unif2ace.data.sources.tables import READABLE, TableRow, read_table
from unif2ace.errors import DataError, nearest

PARQUET = ".parquet"


class RowTable(Protocol):
    """Rows of a table, which may hold pictures. Instances can be pickled.

    Attributes:
        name: Name of the table or files, for messages.
        columns: Names of all columns.
        fingerprint: Text that changes if the pictures in the table change; empty if the table holds none.
    """

    name: str
    fingerprint: str
    columns: tuple[str, ...]

    def rows(self, image_column: str) -> Iterator[TableRow]:
        """All rows in order, without the bytes of pictures; `image_column` holds the picture's name or None."""

    def embeds(self, image_column: str) -> bool:
        """Whether the column holds the pictures themselves rather than their names."""

    def embedded(self, row: int, image_column: str) -> bytes:
        """Bytes of the picture file in a row.

        Raises:
            SampleFault: If the row holds no picture.
        """


class FileTable:
    """Rows of csv, tsv, jsonl and json files, which only name pictures.

    Args:
        files: The table files, read in this order.
        image_column: Column that receives the names of a json file of the form ``{NAME: {...}}``.
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
        raise DataError(f"{self.name} holds no pictures; set source.images to the folder of the pictures")


def find_tables(
    path: Path,
    pattern: str | None,
    suffixes: tuple[str, ...] = (*READABLE, PARQUET),
    key: str = "source.path",
    pattern_key: str | None = "source.files",
) -> list[Path]:
    """Path of a table file, or of all table files below a folder.

    Args:
        path: A file or a folder.
        pattern: Pattern of the files in a folder, such as ``*train*.parquet``; None for all files.
        suffixes: Accepted suffixes of table files.
        key: Configuration key of the path, for messages.
        pattern_key: Configuration key of the pattern, for messages; None if there is no such key.

    Raises:
        DataError: If no table is found, or the tables found have different suffixes.
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
        chosen = f" that matches {pattern}" if pattern else ""
        raise DataError(f"{key}={path}: no {' or '.join(suffixes)} file{chosen} in this folder; it holds {holds}")
    types = sorted({f.suffix.lower() for f in found})
    if len(types) > 1:
        choose = f"choose one type, such as {pattern_key}='*{types[0]}'" if pattern_key else f"set {key} to one file"
        raise DataError(f"{key}={path} has tables of several types ({', '.join(types)}): {choose}")
    return found
