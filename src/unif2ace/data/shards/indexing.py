"""Builds the index of a shard folder, written by this package or in plain WebDataset format."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.atomic import replacing
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.index import HEADER, PLACES, Index, ShardInfo, local_folder, why_unreadable
from unif2ace.data.shards.labels import LabelCounts
from unif2ace.data.shards.progress import Progress, tracked
from unif2ace.data.shards.sample_locations import joined, shard_table
from unif2ace.data.shards.shard_layout import FACES, arrange
from unif2ace.data.shards.tar import scan_tar
from unif2ace.errors import DataError

_log = logging.getLogger(__name__)

LISTED: Final = 20  # faults in an error message; `validate` lists all


def build_index(
    folder: str | Path,
    *,
    required: Sequence[str] = FACES,
    strict: bool = True,
    recipe: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Index:
    """Scans the headers of all ``*.tar`` in a folder, hashes the files, and writes the index beside them.

    Files of unknown types are ignored, and a warning states their number. Metadata is read only for label statistics: a
    sample with a faulty KEY.json stays in the index, and its fault is raised when the sample is read.

    Args:
        folder: The shard folder.
        required: Extensions that every sample must have; ``image`` stands for any image extension. For a folder of
            image tokens: ``("tokens.npy",)``.
        strict: Whether a damaged shard or an invalid sample is an error. If false, it is left out and counted.
        recipe: Settings that the folder was built with, stored in the index.
        progress: Called after each shard.

    Raises:
        DataError: If there is no shard or no valid sample, or if `strict` is true and there are faults.
    """
    folder = local_folder(folder)
    paths = list_shards(folder)
    scan = _Scan(tuple(required))
    for path in tracked(paths, progress, "indexing shards"):
        scan.add(path)
    if scan.ignored:
        _log.warning("%s: ignored %d files of unknown types; the first: %s", folder, len(scan.ignored), scan.ignored[0])
    if scan.faults and strict:
        raise DataError(_listed(folder, scan.faults))
    extensions, places = joined(scan.tables)
    if not len(places):
        needed = " and ".join(required)
        raise DataError(f"{folder}: no valid sample ({needed}) in {len(paths)} shards\n{_listed(folder, scan.faults)}")
    index = Index(
        folder,
        tuple(scan.shards),
        extensions,
        places,
        tuple(required),
        dict(sorted(Counter[str](fault.cause for fault in scan.faults).items())),
        scan.labels.conforming,
        scan.labels.counts(),
        recipe or {},
    )
    write_index(index)
    return index


class _Scan:
    """Collects the contents of shards, which are scanned one after another."""

    def __init__(self, required: tuple[str, ...]) -> None:
        self.required = required
        self.faults: list[SampleFault] = []
        self.shards: list[ShardInfo] = []
        self.tables: list[NDArray[np.void]] = []
        self.labels = LabelCounts()
        self.ignored: list[SampleFault] = []
        self._seen: set[str] = set()

    def add(self, path: Path) -> None:
        """Scans one shard. A sample whose key occurred before is left out as a fault."""
        try:
            layout = arrange(scan_tar(path), path.name, self.required)
        except SampleFault as fault:
            self.faults.append(fault)
            return
        self.faults += layout.faults
        self.ignored += layout.ignored
        kept = []
        for entry in layout.entries:
            if entry.key in self._seen:
                message = "an earlier shard has a sample with this key; rename one of the two"
                self.faults.append(SampleFault("duplicate", message, path.name, entry.key))
            else:
                kept.append(entry)
        self._seen.update(entry.key for entry in kept)
        self.labels.add_shard(path, kept)
        self.tables.append(shard_table(kept, len(self.shards)))
        self.shards.append(ShardInfo(path.name, path.stat().st_size, sha256_of(path), len(kept)))


def list_shards(folder: Path) -> list[Path]:
    """Paths of the ``*.tar`` files in a folder, sorted by name.

    Raises:
        DataError: If the folder holds no shard.
    """
    paths = sorted(path for path in folder.glob("*.tar") if not path.name.startswith("."))
    if not paths:
        raise DataError(why_unreadable(folder))
    return paths


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_index(index: Index) -> None:
    """Writes ``index.npy``, then ``index.json``, so that an existing ``index.json`` means a complete index."""
    buffer = io.BytesIO()
    np.save(buffer, index.places, allow_pickle=False)
    with replacing(index.folder / PLACES) as file:
        file.write(buffer.getbuffer())
    with replacing(index.folder / HEADER) as file:
        file.write(_laid_out(index.header()).encode())


def _laid_out(tree: Mapping[str, Any]) -> str:
    """JSON with one line per entry and per shard, readable by ``diff``."""
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in tree.items() if name != "shards"]
    shards = ",\n".join(f"  {json.dumps(shard)}" for shard in tree["shards"])
    return "{\n" + ",\n".join([*lines, f' "shards": [\n{shards}\n ]']) + "\n}\n"


def _listed(folder: Path, faults: Sequence[SampleFault]) -> str:
    lines = [f"  {fault}" for fault in faults[:LISTED]]
    if len(faults) > LISTED:
        lines.append(f"  and {len(faults) - LISTED} more")
    mend = "fix them, or leave them out with strict=false; to list all, run: unif2ace-data validate"
    return "\n".join([f"{folder} has {len(faults)} fault{'s' * (len(faults) > 1)} ({mend} {folder})", *lines])
