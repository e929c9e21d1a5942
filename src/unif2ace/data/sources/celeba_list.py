"""Reads the lists of CelebA: txt as released, or csv. Columns are matched by name, not by position."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.sources.cells import same_form
from unif2ace.data.sources.picture_finder import loose_stem
from unif2ace.data.sources.tables import csv_rows
from unif2ace.data.sources.text_files import read_text
from unif2ace.errors import DataError, nearest

FILE_COLUMNS: Final = ("image_id", "image", "image_name", "file", "filename", "file_name")


@dataclass(frozen=True, slots=True)
class CelebAList:
    """A parsed list of N images and C integer columns.

    Attributes:
        path: The list file.
        files: Names of the N images.
        columns: Names of the C columns.
        values: Integer of each image and column, int32 (N, C).
        places: File name and line of each row, for messages.
        digest: SHA-256 of the file.
    """

    path: Path
    files: tuple[str, ...]
    columns: tuple[str, ...]
    values: NDArray[np.int32]
    places: tuple[str, ...]
    digest: str

    def select(self, columns: Sequence[str], files: Sequence[str]) -> NDArray[np.int32]:
        """Values of F images and C columns, int32 (F, C), in the order of `files` and `columns`.

        Raises:
            DataError: If a column is missing or unknown, or an image has no row.
        """
        place = {name.casefold(): i for i, name in enumerate(self.columns)}
        wanted = {name.casefold(): name for name in columns}
        if lacking := [name for key, name in wanted.items() if key not in place]:
            there = ", ".join(self.columns)
            raise DataError(
                f"{self.path} has no column {lacking[0]!r}; it has {there}{nearest(lacking[0], self.columns)}"
            )
        if unknown := [name for name in self.columns if name.casefold() not in wanted]:
            hint = nearest(unknown[0], columns)
            raise DataError(f"{self.path}: unknown column {unknown[0]!r}; it must have {', '.join(columns)}{hint}")
        loose = {loose_stem(name): i for i, name in enumerate(self.files)}
        rows = {name: loose[loose_stem(name)] for name in files if loose_stem(name) in loose}
        missing = next((name for name in files if name not in rows), None)
        if missing is not None:
            raise DataError(f"{self.path} has no row for {missing}; use lists and pictures of the same release")
        return self.values[np.ix_([rows[name] for name in files], [place[key] for key in wanted])]


def read_list(path: Path, columns: Sequence[str] | None = None) -> CelebAList:
    """Reads a list file.

    A txt file has a line with the number of rows, a line with column names, then rows separated by blanks. With
    `columns` given, it may have rows only. In a csv file, the header of the file column is one of `FILE_COLUMNS`.

    Raises:
        DataError: If a line is malformed, a column name is missing or given twice, or an image has two rows.
    """
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _txt_rows(path, columns)
    header = next(rows).cells
    folded = [name.casefold() for name in header]
    if twice := [name for name in header if folded.count(name.casefold()) > 1]:
        raise DataError(f"{path}: two columns are named {twice[0]!r}; rename or remove one")
    values: list[NDArray[np.int32]] = []
    seen: dict[str, str] = {}
    for place, name, cells in rows:
        if len(cells) != len(header):
            raise DataError(f"{place}: {len(cells)} numbers for {len(header)} columns; get an undamaged copy")
        if name in seen:
            raise DataError(f"{place}: {name!r} already has a row, {seen[name]}; remove one of the two")
        seen[name] = place
        try:
            values.append(np.array(cells, np.int32))
        except (ValueError, OverflowError):
            named = zip(header, cells, strict=True)
            values.append(np.array([_whole(cell, f"{place}, column {column!r}") for column, cell in named], np.int32))
    if not values:
        raise DataError(f"{path} has no rows; get a complete copy of the list")
    digest = sha256(path.read_bytes()).hexdigest()
    return CelebAList(path, tuple(seen), tuple(header), np.stack(values), tuple(seen.values()), digest)


class _Row(NamedTuple):
    """A row: file and line, image name, and cells. The cells of the first row are the column names."""

    place: str
    name: str
    cells: Sequence[str]


def _csv_rows(path: Path) -> Iterator[_Row]:
    column = ""
    header: list[str] = []
    for row in csv_rows(path):
        if not header:
            found = [name for name in row.cells if name.casefold() in FILE_COLUMNS]
            if len(found) != 1:
                there = ", ".join(row.cells)
                wanted = " or ".join(FILE_COLUMNS)
                raise DataError(f"{path}:1: exactly one column must be named {wanted}; the columns are {there}")
            column, header = found[0], [name for name in row.cells if name != found[0]]
            yield _Row(f"{path.name}:1", column, header)
        yield _Row(row.place, _name(row.cells[column]), [row.cells[name] for name in header])
    if not header:
        raise DataError(f"{path} has no rows; get a complete copy of the list")


def _txt_rows(path: Path, columns: Sequence[str] | None) -> Iterator[_Row]:
    lines = read_text(path).split("\n")
    first, header = 0, list(columns or ())
    if len(lines) > 2 and lines[0].strip().isdigit():
        first, header = 2, lines[1].split()
        if header and header[0].casefold() in FILE_COLUMNS:
            header = header[1:]
    if not header:
        raise DataError(f"{path}:1: a .txt list must begin with the number of rows and the column names")
    yield _Row(f"{path.name}:{first}", "", header)
    number = 0
    for place, line in enumerate(lines[first:], start=first + 1):
        if cells := line.split():
            number += 1
            yield _Row(f"{path.name}:{place}", _name(cells[0]), cells[1:])
    if first and int(lines[0]) != number:
        raise DataError(f"{path} has {number:,} rows, but its first line says {int(lines[0]):,}; get an undamaged copy")


def _whole(cell: str, where: str) -> int:
    """The integer in a cell; ``7.0`` is read as 7."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not value.is_integer() or abs(value) >= 2**31:
        raise DataError(f"{where}: {cell!r} is not a 32-bit integer; fix it, or get an undamaged copy")
    return int(value)


def _name(cell: str) -> str:
    return same_form(str(cell).strip())


def find_list(folder: Path, name: str) -> Path | None:
    """Path of a list in the folder or in ``Anno``, as txt or csv; None if it does not exist."""
    names = (name, str(Path(name).with_suffix(".csv")))
    return next((f for n in names for f in (folder / n, folder / "Anno" / n) if f.is_file()), None)


def needed_list(folder: Path, name: str, setting: str = "source.attributes") -> Path:
    """Path of a list that must exist.

    Raises:
        DataError: If the list does not exist.
    """
    found = find_list(folder, name)
    if found is None:
        there = sorted(p.name for p in folder.iterdir() if p.is_file())
        raise DataError(f"{setting}={name}: not found as txt or csv in {folder} or its Anno{nearest(name, there)}")
    return found


def optional_list(folder: Path, name: str | None, usual: str, setting: str) -> Path | None:
    """Path of a list that may be missing under its default name; a list with any other name must exist.

    Raises:
        DataError: If `name` differs from `usual` and does not exist.
    """
    if name is None:
        return None
    return find_list(folder, name) if name == usual else needed_list(folder, name, setting)


def check_signs(labels: CelebAList) -> None:
    """Checks that all values are 1, -1 or 0.

    Raises:
        DataError: If another value occurs.
    """
    wrong = np.argwhere(~np.isin(labels.values, (-1, 0, 1)))
    if len(wrong):
        row, column = wrong[0]
        value, name = labels.values[row, column], labels.columns[column]
        raise DataError(f"{labels.places[row]}, column {name!r}: {value} is not a label; it must be 1, -1 or 0")
