"""Removes near-duplicates from the written shards of a data set."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from unif2ace.curation.collect.hashing import face_hash, near_duplicates
from unif2ace.data.atomic import replacing
from unif2ace.data.shards import SampleFault, ShardReader, has_index
from unif2ace.data.shards.fingerprint import index_fingerprint
from unif2ace.data.shards.index import load_index
from unif2ace.data.shards.open_shard import OpenShard
from unif2ace.data.shards.shard_layout import arrange
from unif2ace.data.shards.tar import scan_tar
from unif2ace.errors import DataError

FILE: Final = "duplicates.jsonl"
"""One JSON line for each removed face: its key, kind (``duplicate`` or ``held_out``), the key of the face that it
duplicates, and the number of different bits."""


class HeldOut:
    """Faces that must not be in the collected data set, such as the faces of a benchmark.

    Args:
        folders: Shard folders, or data sets with ``train/`` and ``val/``. Their faces are not aligned again, so they
            should be aligned in the same way as the collected faces.

    Raises:
        DataError: If a folder holds no shards.
    """

    def __init__(self, folders: Sequence[str | Path] = ()) -> None:
        self.folders: list[Path] = []
        for folder in map(Path, folders):
            splits = [folder] if has_index(folder) else [folder / s for s in ("train", "val") if has_index(folder / s)]
            if not splits:
                load_index(folder)  # raises an error that explains the cause
            self.folders += splits

    def describe(self) -> list[str]:
        """Fingerprints of the folders."""
        return [index_fingerprint(load_index(folder)) for folder in self.folders]

    def faces(self) -> Iterator[tuple[str, str]]:
        """Yields (key, hash) of each face. Unreadable faces are skipped."""
        for folder in self.folders:
            reader = ShardReader(folder)
            for index in range(len(reader)):
                try:
                    yield reader.key(index), face_hash(reader.image(index))
                except SampleFault:
                    continue


def remove_duplicates(folder: Path, limit: int, held_out: Sequence[tuple[str, str]]) -> None:
    """Rewrites the shards of a folder without near-duplicates. An interrupted call can be repeated.

    Args:
        folder: Folder of the shards; it needs no index.
        limit: Two faces are near-duplicates if their 128-bit hashes differ in at most this number of bits.
        held_out: (key, hash) of each face that must not be in the folder.
    """
    shards = sorted(folder.glob("*.tar"))
    if not (folder / FILE).is_file():
        faces = [face for shard in shards for face in _hashes(shard)]
        found = near_duplicates([code for _, code in faces], limit, [code for _, code in held_out])
        lines = []
        for index, (kind, other, bits) in sorted(found.items()):
            near = held_out[other][0] if kind == "held_out" else faces[other][0]
            lines.append({"key": faces[index][0], "kind": kind, "other": near, "bits": bits})
        with replacing(folder / FILE) as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines).encode())
    dropped = {line["key"] for line in read_duplicates(folder)}
    for shard in shards:
        samples = list(_samples(shard))
        if any(key in dropped for key, _ in samples):
            out = OpenShard(shard)
            for key, files in samples:
                if key not in dropped:
                    out.write(key, files)
            out.finish()


def read_duplicates(folder: Path) -> list[dict[str, Any]]:
    """The entries of a folder's ``duplicates.jsonl``; empty if the file is missing."""
    if not (folder / FILE).is_file():
        return []
    try:
        return [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise DataError(f"{folder / FILE} is damaged; remove this file and run again") from error


def written_faces(folder: Path) -> list[tuple[str, str]]:
    """(key, hash) of each face in the shards of a folder."""
    return [face for shard in sorted(folder.glob("*.tar")) for face in _hashes(shard)]


def _hashes(shard: Path) -> list[tuple[str, str]]:
    return [(key, json.loads(files["json"])["provenance"]["face"]["hash"]) for key, files in _samples(shard)]


def _samples(shard: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yields (key, files by extension) of each sample of a tar without an index."""
    with shard.open("rb") as file:
        for entry in arrange(scan_tar(shard), shard.name).entries:
            places = entry.files.items()
            yield entry.key, {name: os.pread(file.fileno(), length, offset) for name, (offset, length) in places}
