"""License, source and identity of each picture, from a table beside the pictures or from the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from unif2ace.curation.collect.pictures import FoundPicture
from unif2ace.data.sources.cells import is_missing, same_form
from unif2ace.data.sources.tables import Table, TableRow, read_table
from unif2ace.errors import DataError

TABLES: Final = ("licenses.csv", "licenses.tsv", "licenses.jsonl")
FILE, LICENSE = "file", "license"
OPTIONAL: Final = ("source", "identity")


def with_licenses(
    pictures: Sequence[FoundPicture], path: Path, table: str | None, license: str | None
) -> list[FoundPicture]:
    """Adds license, source and identity from the table to each picture.

    The column ``file`` names a picture, folder or archive by its path below `path`. If several rows match a picture,
    the row with the longest path applies.

    Args:
        pictures: The pictures.
        path: Folder of the pictures, or their archive.
        table: Path of the table relative to the folder; None for ``licenses.csv``, ``licenses.tsv`` or
            ``licenses.jsonl`` if one of them exists.
        license: License of pictures without a row; None leaves it empty.

    Raises:
        DataError: If a row matches no picture, or states no license.
    """
    folder = path if path.is_dir() else path.parent
    rows = _rows(folder, table)
    used: set[str] = set()
    found = []
    for picture in pictures:
        place = _longest(rows, same_form(picture.name))
        if place is None:
            found.append(replace(picture, license=license or ""))
            continue
        used.add(place)
        cells = rows[place].cells
        source, identity = ("" if is_missing(cells.get(name)) else str(cells[name]).strip() for name in OPTIONAL)
        found.append(replace(picture, license=str(cells[LICENSE]).strip(), source=source, identity=identity))
    if unused := [rows[place].place for place in rows if place not in used]:
        raise DataError(
            f"{unused[0]}: {FILE!r} names no picture, folder or archive below {folder}; fix or remove this row"
        )
    return found


def _rows(folder: Path, table: str | None) -> dict[str, TableRow]:
    path = folder / table if table else next((folder / n for n in TABLES if (folder / n).is_file()), None)
    if path is None:
        return {}
    made: Table = read_table(path)
    made.need(FILE, "licenses")
    made.need(LICENSE, "licenses")
    rows: dict[str, TableRow] = {}
    for row in made.rows:
        place = same_form(str(row.cells.get(FILE) or "").strip().replace("\\", "/").strip("/").removeprefix("./"))
        if not place or place in rows:
            wrong = "repeats an earlier row" if place else "is empty"
            raise DataError(f"{row.place}: {FILE!r} {wrong}; fix or remove this row")
        if is_missing(row.cells.get(LICENSE)):
            raise DataError(f"{row.place}: {LICENSE!r} is empty; fill it in or remove this row")
        rows[place] = row
    return rows


def _longest(rows: dict[str, TableRow], name: str) -> str | None:
    while name:
        if name in rows:
            return name
        name = name.rpartition("/")[0]
    return None
