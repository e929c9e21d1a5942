"""Reads parquet files by row group; pictures in the files stay on disk until they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.tables import TableRow
from unif2ace.errors import ConfigError, DataError

HOW = "pip install pyarrow, or install unif2ace[parquet]"


def parquet_module() -> Any:
    """The module ``pyarrow.parquet``.

    Raises:
        ConfigError: If pyarrow is not installed.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(f"parquet files need the package pyarrow: {HOW}") from error
    return parquet


class ParquetTable:
    """Rows of several parquet files that have the same columns.

    Args:
        files: The files.

    Raises:
        ConfigError: If pyarrow is not installed.
        DataError: If a file cannot be read, or has other columns than the first.
    """

    def __init__(self, files: list[Path]) -> None:
        parquet_module()
        self._files = files
        self.name = files[0].name if len(files) == 1 else f"{len(files)} files of {files[0].parent}"
        self.fingerprint = ", ".join(f"{file.name}: {file.stat().st_size} bytes" for file in files)
        self._groups: list[tuple[int, int, int]] = []  # file, row group, first row
        self._opened: dict[int, Any] = {}
        self._kept: tuple[Any, list[Any]] = (None, [])
        rows = 0
        for number, file in enumerate(files):
            opened = self._open(number)
            schema = opened.schema_arrow
            if number == 0:
                self._schema = schema
            elif set(schema.names) != set(self._schema.names):
                odd = sorted(set(schema.names) ^ set(self._schema.names))
                raise DataError(
                    f"{file} and {files[0].name} differ in columns {', '.join(odd)}; choose files with source.files"
                )
            for group in range(opened.num_row_groups):
                self._groups.append((number, group, rows))
                rows += opened.metadata.row_group(group).num_rows
        self.columns = tuple(self._schema.names)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_opened": {}, "_kept": (None, [])}

    def _open(self, number: int) -> Any:
        if number not in self._opened:
            try:
                self._opened[number] = parquet_module().ParquetFile(self._files[number])
            except (OSError, ValueError) as error:
                raise DataError(f"{self._files[number]} is not a readable parquet file: {error}") from error
        return self._opened[number]

    def _kind(self, column: str) -> str:
        """How a column stores pictures: ``struct`` (bytes and path), ``binary`` (bytes) or ``name``."""
        import pyarrow as pa

        kind = self._schema.field(column).type
        if pa.types.is_struct(kind):
            return "struct"
        binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        return "binary" if binary else "name"

    def embeds(self, image_column: str) -> bool:
        """Whether the column holds the bytes of pictures."""
        return self._kind(image_column) != "name"

    def rows(self, image_column: str) -> Iterator[TableRow]:
        """All rows, without the bytes of pictures."""
        kind = self._kind(image_column) if image_column in self.columns else "name"
        inside = {"struct": f"{image_column}.path", "binary": None, "name": image_column}[kind]
        columns = [c for c in self.columns if c != image_column] + ([inside] if inside else [])
        for number, group, first in self._groups:
            for offset, row in enumerate(self._open(number).read_row_group(group, columns=columns).to_pylist()):
                if kind == "struct":
                    row[image_column] = (row.get(image_column) or {}).get("path")
                yield TableRow(f"{self._files[number].name}, row {first + offset + 1}", row)

    def embedded(self, row: int, image_column: str) -> bytes:
        """The picture's bytes in a row. The last row group stays in memory, because rows are read in order."""
        number, group, first = next(g for g in reversed(self._groups) if g[2] <= row)
        if self._kept[0] != (number, group):
            column = f"{image_column}.bytes" if self._kind(image_column) == "struct" else image_column
            table = self._open(number).read_row_group(group, columns=[column])
            self._kept = ((number, group), table.column(0).to_pylist())
        value = self._kept[1][row - first]
        data = value.get("bytes") if isinstance(value, dict) else value
        if not data:
            raise SampleFault("missing", "the row holds no picture; set source.images to the folder of the pictures")
        return bytes(data)
