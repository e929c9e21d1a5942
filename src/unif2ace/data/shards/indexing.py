"""Making the index of a shard folder, ours or any plain webdataset folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.attributes import TAXONOMY
from unif2ace.data.shards.atomic import replacing
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.index import HEADER, PLACES, Index, ShardInfo, local_folder, places_dtype
from unif2ace.data.shards.layout import FACES, Entry, arrange
from unif2ace.data.shards.progress import Progress, tracked
from unif2ace.data.shards.schema import parse_metadata
from unif2ace.data.shards.tar import scan_tar
from unif2ace.errors import DataError

MAX_EXTENSIONS: Final = 16
LISTED: Final = 20  # faults in an error message; `validate` lists them all


def build_index(
    folder: str | Path,
    *,
    required: Sequence[str] = FACES,
    strict: bool = True,
    recipe: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Index:
    """Scans the headers of all ``*.tar`` in a folder, hashes them, and writes the index beside them.

    Files of unknown types are ignored. Metadata is read for the statistics only: a sample whose KEY.json is faulty
    stays in the index, where reading drops and counts it.

    Args:
        folder: The shard folder.
        required: Extensions that every sample must have; ``image`` is any picture. A folder of pre-computed tokens
            has ``("tokens.npy",)``.
        strict: Whether a damaged shard or a sample that breaks the rules is an error; else it is left out and counted.
        recipe: What the folder was built from, kept in the index.
        progress: Told of each shard.

    Raises:
        DataError: If there is no shard, no sample, or (when strict) a fault; the message lists them.
    """
    folder = local_folder(folder)
    paths = list_shards(folder)
    faults: list[SampleFault] = []
    shards: list[ShardInfo] = []
    tables: list[NDArray[np.void]] = []
    labels = LabelCounts()
    seen: set[str] = set()
    for path in tracked(paths, progress, "indexing shards"):
        try:
            layout = arrange(scan_tar(path), path.name, required)
        except SampleFault as fault:
            faults.append(fault)
            continue
        faults += layout.faults
        kept = [e for e in layout.entries if e.key not in seen]
        faults += [_seen_before(path.name, e.key) for e in layout.entries if e.key in seen]
        seen.update(e.key for e in kept)
        labels.add_shard(path, kept)
        tables.append(_table(kept, len(shards)))
        shards.append(ShardInfo(path.name, path.stat().st_size, sha256_of(path), len(kept)))
    if faults and strict:
        raise DataError(_listed(folder, faults))
    extensions, places = _joined(tables)
    if not len(places):
        needed = " and ".join(required)
        raise DataError(f"{folder}: no sample in {len(paths)} shards has {needed}\n{_listed(folder, faults)}")
    index = Index(
        folder,
        tuple(shards),
        extensions,
        places,
        tuple(required),
        dict(sorted(Counter[str](fault.cause for fault in faults).items())),
        labels.conforming,
        labels.counts(),
        recipe or {},
    )
    write_index(index)
    return index


def list_shards(folder: Path) -> list[Path]:
    """The ``*.tar`` of a folder by name.

    Raises:
        DataError: If there is none.
    """
    paths = sorted(path for path in folder.glob("*.tar") if not path.name.startswith("."))
    if not paths:
        there = "has no *.tar" if folder.is_dir() else "does not exist"
        raise DataError(f"{folder} {there}; a shard folder holds webdataset tars")
    return paths


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_index(index: Index) -> None:
    """Writes both files; the header goes last, so a folder with a header has its places."""
    buffer = io.BytesIO()
    np.save(buffer, index.places, allow_pickle=False)
    with replacing(index.folder / PLACES) as file:
        file.write(buffer.getbuffer())
    with replacing(index.folder / HEADER) as file:
        file.write(_laid_out(index.header()).encode())


class LabelCounts:
    """Counts the labels that samples state."""

    def __init__(self) -> None:
        self.conforming = 0
        self._stated: Counter[tuple[str, bool | str]] = Counter()

    def add_shard(self, path: Path, entries: Iterable[Entry]) -> None:
        """Counts a shard's samples, leaving out those whose metadata cannot be read."""
        with path.open("rb") as file:
            for offset, length in (entry.files["json"] for entry in entries if "json" in entry.files):
                try:
                    metadata = parse_metadata(os.pread(file.fileno(), length, offset))
                except SampleFault:
                    continue
                self.conforming += 1
                self._stated.update((n, v) for n, v in metadata.attributes.items() if v is not None)

    def counts(self) -> dict[str, tuple[int, int]]:
        """For each label how often it is true and false."""
        totals = Counter[str]()
        for (name, _), number in self._stated.items():
            totals[name] += number
        return {label: self._count(label, totals) for label in TAXONOMY.labels}

    def _count(self, label: str, totals: Counter[str]) -> tuple[int, int]:
        spec = TAXONOMY.labels[label]
        true = self._stated[spec.field, spec.value]
        false = totals[spec.field] - true
        if label != spec.field:  # stated outright, where the field is null
            true, false = true + self._stated[label, True], false + self._stated[label, False]
        return true, false


def _table(entries: Sequence[Entry], shard: int) -> NDArray[np.void]:
    """Places of one shard's samples; its columns are named by extension, which differ from shard to shard."""
    extensions = tuple(dict.fromkeys(e for entry in entries for e in entry.files))
    columns = [(f"{what}.{e}", kind) for e in extensions for what, kind in (("offset", "<u8"), ("length", "<u4"))]
    width = max((len(entry.key) for entry in entries), default=1)
    table = np.zeros(len(entries), [("key", f"S{width}"), ("shard", "<u4"), *columns])
    table["key"], table["shard"] = [entry.key.encode("ascii") for entry in entries], shard
    for extension in extensions:
        found = np.array([entry.files.get(extension, (0, 0)) for entry in entries], dtype=np.uint64)
        table[f"offset.{extension}"], table[f"length.{extension}"] = found.T
    return table


def _joined(tables: Sequence[NDArray[np.void]]) -> tuple[tuple[str, ...], NDArray[np.void]]:
    named = dict.fromkeys(name for table in tables for name in table.dtype.names or ())
    extensions = tuple(name.removeprefix("offset.") for name in named if name.startswith("offset."))
    if len(extensions) > MAX_EXTENSIONS:
        listed = ", ".join(extensions)
        raise DataError(f"samples have {len(extensions)} types of file, {MAX_EXTENSIONS} are the limit: {listed}")
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


def _laid_out(tree: Mapping[str, Any]) -> str:
    """JSON with one line per entry and per shard, so that two versions can be compared by eye."""
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in tree.items() if name != "shards"]
    shards = ",\n".join(f"  {json.dumps(shard)}" for shard in tree["shards"])
    return "{\n" + ",\n".join([*lines, f' "shards": [\n{shards}\n ]']) + "\n}\n"


def _seen_before(shard: str, key: str) -> SampleFault:
    return SampleFault("duplicate", "an earlier shard has a sample of this key", shard, key)


def _listed(folder: Path, faults: Sequence[SampleFault]) -> str:
    lines = [f"  {fault}" for fault in faults[:LISTED]]
    if len(faults) > LISTED:
        lines.append(f"  and {len(faults) - LISTED} more")
    mend = "mend them, or leave them out with strict=False; all faults are listed by: unif2ace-data validate"
    return "\n".join([f"{folder} has {len(faults)} faults ({mend} {folder})", *lines])
