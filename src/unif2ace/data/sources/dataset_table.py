"""Reads data sets of the package `datasets`: a folder written by `save_to_disk`, or a Hugging Face hub id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.tables import TableRow
from unif2ace.errors import ConfigError, DataError

HOW = "pip install datasets, or install unif2ace[parquet]"
HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_MARKS: Final = ("state.json", "dataset_dict.json")


def is_dataset(path: str) -> bool:
    """Whether a path is a folder written by `datasets`, or no path on this disk but a valid hub id."""
    if Path(path).is_dir():
        return any((Path(path) / mark).is_file() for mark in _MARKS)
    return not Path(path).exists() and bool(HUB_ID.fullmatch(path)) and not Path(path).parent.exists()


class DatasetTable:
    """Rows of a data set that the package `datasets` reads.

    Args:
        path: Folder written by `save_to_disk`, or hub id ``OWNER/NAME``.
        split: Name of the split; None if the data set has only one split.

    Raises:
        ConfigError: If `datasets` is not installed, or `split` is None although there are several splits.
        DataError: If the data set cannot be read.
    """

    def __init__(self, path: str, split: str | None) -> None:
        self.name, self._path, self._split = path, path, split
        self._opened: Any = None
        self.columns = tuple(self._data.column_names)
        self.fingerprint = str(getattr(self._data, "_fingerprint", ""))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_opened": None}

    @property
    def _data(self) -> Any:
        if self._opened is None:
            self._opened = _load(self._path, self._split)
        return self._opened

    def embeds(self, image_column: str) -> bool:
        """Whether the column has the feature type `Image`."""
        return type(self._data.features[image_column]).__name__ == "Image"

    def rows(self, image_column: str) -> Iterator[TableRow]:
        """All rows; the picture column is None if it holds pictures."""
        data = self._data
        if image_column in self.columns and self.embeds(image_column):
            data = data.remove_columns([image_column])
        for number, row in enumerate(data, start=1):
            yield TableRow(f"{self.name}, row {number}", {image_column: None, **row})

    def embedded(self, row: int, image_column: str) -> bytes:
        """Bytes of the picture in a row, read from the row or from the file that it names."""
        value = self._data[row][image_column]
        if value and value.get("bytes"):
            return bytes(value["bytes"])
        if value and value.get("path"):
            return Path(value["path"]).read_bytes()
        raise SampleFault("missing", "the row holds no picture; set source.images to the folder of the pictures")


def _load(path: str, split: str | None) -> Any:
    try:
        import datasets
    except ImportError as error:
        what = "a folder of `datasets`" if Path(path).exists() else "no local path; to read it as a hub id"
        raise ConfigError(f"source.path={path} is {what}: install the package `datasets` ({HOW})") from error
    try:
        found = datasets.load_from_disk(path) if Path(path).is_dir() else datasets.load_dataset(path)
    except Exception as error:  # whatever the hub or a damaged folder gives
        first = str(error).strip().splitlines()[:1]
        raise DataError(f"source.path={path} cannot be read by datasets: {first[0] if first else error!r}") from error
    if isinstance(found, dict):
        names = list(found)
        if split not in names and (split or len(names) > 1):
            raise ConfigError(f"source.split={split or 'null'}: {path} has the splits {', '.join(names)}; set one")
        found = found[split or names[0]]
    for column, feature in found.features.items():
        if isinstance(feature, datasets.Image):
            found = found.cast_column(column, datasets.Image(decode=False))
    return found
