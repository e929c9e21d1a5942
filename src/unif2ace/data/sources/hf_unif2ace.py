"""Imports UniF2ace-130K: joins its captions and questions with pictures in local copies of its source data sets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from unif2ace.data.sources.dataset_table import DatasetTable, is_dataset
from unif2ace.data.sources.joined import PictureEntry
from unif2ace.data.sources.parquet_table import ParquetTable
from unif2ace.data.sources.paths import counted, existing_folder
from unif2ace.data.sources.picture_finder import plain_name
from unif2ace.data.sources.row_tables import PARQUET, FileTable, find_tables
from unif2ace.data.sources.tables import TableRow
from unif2ace.data.sources.tabular import EmbeddingSource
from unif2ace.errors import ConfigError, nearest

LICENSES: Final = {
    "ffhq": "CC-BY-NC-SA-4.0",
    "celebv_hq": "CelebV-HQ agreement: non-commercial research only, no redistribution",
    "mm_celeba_hq": "CelebA agreement: non-commercial research only, no redistribution",
}


@dataclass(kw_only=True, eq=False)
class HfUnif2aceSource(EmbeddingSource):
    """The tables of UniF2ace-130K, joined with local copies of FFHQ, CelebV-HQ frames and MM-CelebA-HQ.

    The layout of the release is not documented; the names of all columns are therefore settings. Rows whose source has
    no entry in `images` are left out and counted.

    Args:
        path: A table (parquet, json, jsonl, csv or tsv), a folder of tables, or the id of a data set on the hub.
        images: Folder of each source's pictures, by source name, such as ``{ffhq: FOLDER}``.
        files: Pattern of the tables to read in a folder, such as ``*vqa*.json``; None for all.
        split: Split of a data set that the package `datasets` reads; None if there is only one.
        source_column: Column with the source name of a picture. None takes the source from the picture's path; if the
            path names none, all folders are searched.
        licenses: License of each source, by source name; None for `LICENSES`.
        license: License of pictures whose row states none and whose source is not in `licenses`.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range, or a package is missing.
        DataError: If there is no table, a folder or a named column is missing, or no row has a picture.
    """

    path: str
    images: Mapping[str, str]
    files: str | None = None
    split: str | None = None
    source_column: str | None = None
    caption_column: str | list[str] | None = "caption"
    licenses: Mapping[str, str] | None = None
    name: str = "unif2ace"

    def __post_init__(self) -> None:
        if not isinstance(self.images, Mapping) or not self.images:
            raise ConfigError(
                f"source.images={self.images}: give the folder of each source, such as source.images='{{ffhq: FOLDER}}'"
            )
        place = Path(self.path).expanduser()
        if is_dataset(str(place)):
            self._table = DatasetTable(str(place), self.split)
        else:
            found = find_tables(place, self.files)
            parquet = found[0].suffix.lower() == PARQUET
            self._table = ParquetTable(found) if parquet else FileTable(found, self.image_column)
        self._prepare(self._table)
        self._names = {_plain(name): name for name in self.images}
        self._licenses = {_plain(name): text for name, text in (self.licenses or LICENSES).items()}
        self._without = Counter[str]()
        self._open({n: existing_folder(path, f"source.images.{n}") for n, path in self.images.items()})
        for row in self._table.rows(self.image_column):
            self._join_row(row)
        if self._without:
            hint = nearest(next(iter(self._without)), self.images)
            listed = counted(dict(self._without.most_common(6)))
            self._notes.append(f"rows left out because source.images has no folder for their source: {listed}{hint}")
        self._finish()

    def _join_row(self, row: TableRow) -> None:
        written, entry = self._entry(row)
        name = self._cell(row, "source_column")
        parts = PurePosixPath(plain_name(written)).parts
        folder = next((self._names[p] for part in parts if (p := _plain(part)) in self._names), None)
        if name is not None:
            folder = self._names.get(_plain(str(name)))
            if folder is None:
                self._without[str(name)] += 1
                return
        self._join([(written, entry)], folder=folder)

    def _take(self, picture: Any, entry: PictureEntry) -> None:
        entry.license = entry.license or self._licenses.get(_plain(picture.folder), "")
        entry.provenance.setdefault("source", picture.folder)
        super()._take(picture, entry)


def _plain(name: str) -> str:
    """A source's name in lower case without punctuation: ``MM-CelebA-HQ`` and ``mm_celeba_hq`` are equal."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())
