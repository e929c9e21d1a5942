"""Imports parquet files of pictures, captions and questions, as on the Hugging Face hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unif2ace.data.sources.dataset_table import DatasetTable, is_dataset
from unif2ace.data.sources.parquet_table import ParquetTable
from unif2ace.data.sources.paths import existing_folder
from unif2ace.data.sources.row_tables import PARQUET, find_tables
from unif2ace.data.sources.tabular import EmbeddingSource
from unif2ace.errors import DataError


@dataclass(kw_only=True, eq=False)
class ParquetSource(EmbeddingSource):
    """Rows of parquet files, or of a data set that the package `datasets` reads.

    Captions and questions are kept word for word. The default column names are the ones that ``unif2ace-data export
    parquet`` writes.

    Args:
        path: A parquet file, a folder of parquet files, a folder written by `datasets`, or a hub id.
        files: Pattern of the files to read in a folder, such as ``train-*.parquet``; None for all.
        split: Split to read. Of parquet files, those with this text in their name or path are read. None reads all
            files, or the only split that `datasets` finds.
        images: Folder of the pictures, if the table holds only their names. None reads them from the table, or from the
            table's folder.
        license: License of rows that state none; None leaves such rows out.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range, or a package is missing.
        DataError: If there is no table, a named column is missing, or no row has a picture.
    """

    path: str
    files: str | None = None
    split: str | None = None
    images: str | None = None
    name: str = "parquet"

    def __post_init__(self) -> None:
        place = Path(self.path).expanduser()
        if is_dataset(str(place)):
            self._table = DatasetTable(str(place), self.split)
            beside = place
        else:
            found = find_tables(place, self.files, (PARQUET,))
            if self.split:
                found = [f for f in found if self.split in f.stem or self.split in f.parts[len(place.parts) :]]
            if not found:
                raise DataError(
                    f"source.split={self.split}: no file below {place} has this in its name; set source.files instead"
                )
            self._table = ParquetTable(found)
            beside = place if place.is_dir() else place.parent
        self._prepare(self._table)
        embedded = self.images is None and self._table.embeds(self.image_column)
        self._join_rows({} if embedded else {"images": existing_folder(self.images or beside, "source.images")})
        self._finish()
