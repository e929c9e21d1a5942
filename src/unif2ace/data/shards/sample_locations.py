"""Locations of the samples' files in a structured array, one row per sample. Shapes: S samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.shards.shard_layout import Entry
from unif2ace.errors import DataError

MAX_EXTENSIONS: Final = 16


def places_dtype(num_extensions: int, key_length: int) -> np.dtype[np.void]:
    """NumPy type of `Index.places`."""
    columns: list[tuple[str, str]] = [("key", f"S{max(key_length, 1)}"), ("shard", "<u4")]
    for n in range(num_extensions):
        columns += [(f"offset{n}", "<u8"), (f"length{n}", "<u4")]
    return np.dtype(columns)


def shard_table(entries: Sequence[Entry], shard: int) -> NDArray[np.void]:
    """Locations of one shard's samples, structured (S,); columns are named by the shard's extensions."""
    extensions = tuple(dict.fromkeys(e for entry in entries for e in entry.files))
    columns = [(f"{what}.{e}", kind) for e in extensions for what, kind in (("offset", "<u8"), ("length", "<u4"))]
    width = max((len(entry.key) for entry in entries), default=1)
    table = np.zeros(len(entries), [("key", f"S{width}"), ("shard", "<u4"), *columns])
    table["key"], table["shard"] = [entry.key.encode("ascii") for entry in entries], shard
    for extension in extensions:
        found = np.array([entry.files.get(extension, (0, 0)) for entry in entries], dtype=np.uint64)
        table[f"offset.{extension}"], table[f"length.{extension}"] = found.T
    return table


def joined(tables: Sequence[NDArray[np.void]]) -> tuple[tuple[str, ...], NDArray[np.void]]:
    """Joins the tables of all shards: all extensions, and the locations of all samples, structured (S,).

    Raises:
        DataError: If there are more than 16 extensions.
    """
    named = dict.fromkeys(name for table in tables for name in table.dtype.names or ())
    extensions = tuple(name.removeprefix("offset.") for name in named if name.startswith("offset."))
    if len(extensions) > MAX_EXTENSIONS:
        listed = ", ".join(extensions)
        raise DataError(f"samples have {len(extensions)} file types (limit {MAX_EXTENSIONS}); remove some: {listed}")
    width = max((table.dtype["key"].itemsize for table in tables), default=1)
    places = np.zeros(sum(map(len, tables)), places_dtype(len(extensions), width))
    start = 0
    for table in tables:
        part = places[start : start + len(table)]
        part["key"], part["shard"] = table["key"], table["shard"]
        for n, extension in enumerate(extensions):
            if f"offset.{extension}" in (table.dtype.names or ()):
                part[f"offset{n}"], part[f"length{n}"] = table[f"offset.{extension}"], table[f"length.{extension}"]
        start += len(table)
    return extensions, places
