"""Validates a shard folder and lists all faults, each with shard, sample and cause."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from unif2ace.data.atomic import PARTIAL
from unif2ace.data.shards.decode import decode
from unif2ace.data.shards.faults import Cause, SampleFault
from unif2ace.data.shards.index import BUILD, HEADER, PLACES, Index, has_index, load_index, local_folder, why_unreadable
from unif2ace.data.shards.indexing import sha256_of
from unif2ace.data.shards.progress import Progress, tracked
from unif2ace.data.shards.schema import DEFAULT_RULES, Rules, parse_metadata
from unif2ace.data.shards.shard_layout import FACES, Entry, arrange
from unif2ace.data.shards.tar import scan_tar
from unif2ace.errors import DataError

SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and its location; `key` is empty for a fault of a whole shard."""

    cause: Cause
    shard: str
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """Result of a validation.

    Attributes:
        folder: Path of the validated folder.
        shards: Number of checked shards.
        samples: Number of valid samples.
        faults: All faults, in the order of shards and samples.
    """

    folder: str
    shards: int
    samples: int
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no faults."""
        return not self.faults

    @property
    def causes(self) -> Mapping[Cause, int]:
        """Number of faults by cause, the most frequent first."""
        return dict(Counter(fault.cause for fault in self.faults).most_common())

    def to_text(self) -> str:
        """The report as text: counts, then the first faults."""
        lines = [f"{self.folder}: {self.samples:,} sound samples in {self.shards:,} shards"]
        if self.ok:
            return f"{lines[0]}, no faults"
        lines[0] += f", {len(self.faults):,} fault{'s' * (len(self.faults) > 1)}"
        lines += [f"  {cause:<10} {number:>8,}" for cause, number in self.causes.items()]
        lines += [f"{f.shard}{' ' + f.key if f.key else ''}: {f.cause}: {f.message}" for f in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            lines.append(f"... and {len(self.faults) - SHOWN:,} more; the JSON form lists them all")
        return "\n".join(lines)

    def to_json(self) -> str:
        """The whole report as JSON."""
        return json.dumps({**asdict(self), "ok": self.ok, "causes": dict(self.causes)}, indent=1)


def validate(folder: str | Path, *, rules: Rules = DEFAULT_RULES, progress: Progress | None = None) -> Report:
    """Checks the index, hashes, tars and keys, and decodes every file of every sample.

    Args:
        folder: A shard folder, with or without an index.
        rules: Limits and requirements of the metadata.
        progress: Called after each shard.

    Returns:
        The report, which lists all faults of the data; faults raise no exception.

    Raises:
        DataError: If the folder does not exist.
    """
    folder = local_folder(folder)
    if not folder.is_dir():
        raise DataError(why_unreadable(folder))
    faults = list(_folder_faults(folder))
    index: Index | None = None
    if has_index(folder):
        try:
            index = load_index(folder)
        except DataError as error:
            faults.append(SampleFault("shard", str(error), HEADER))
    paths = sorted(path for path in folder.glob("*.tar") if not path.name.startswith("."))
    if index is not None:
        faults += _index_faults(index, paths)
    seen: dict[str, str] = {}
    sound = 0
    for path in tracked(paths, progress, "validating shards"):
        found, good = _shard_faults(path, index.required if index else FACES, rules, seen)
        faults += found
        sound += good
    listed = tuple(Fault(f.cause, f.shard, f.key, f.message) for f in faults)
    return Report(str(folder), len(paths), sound, listed)


def _folder_faults(folder: Path) -> Iterator[SampleFault]:
    if (folder / BUILD).exists():
        yield SampleFault("shard", "the build is unfinished; run the same command again to continue", BUILD)
    for leftover in sorted(folder.glob(f".*{PARTIAL}")):
        yield SampleFault("shard", "temporary file of an interrupted build or index; remove it", leftover.name)
    if not any(folder.glob("*.tar")):
        yield SampleFault("shard", why_unreadable(folder), folder.name)
    elif not has_index(folder) and not (folder / BUILD).exists():
        yield SampleFault("missing", f"the index is missing; make it with: unif2ace-data index {folder}", HEADER)
    elif has_index(folder) and not (folder / PLACES).exists():
        yield SampleFault("missing", f"it is missing; make it with: unif2ace-data index {folder}", PLACES)


def _index_faults(index: Index, paths: Sequence[Path]) -> Iterator[SampleFault]:
    there = {path.name: path for path in paths}
    for shard in index.shards:
        path = there.pop(shard.name, None)
        if path is None:
            yield SampleFault("shard", "in the index, but not in the folder: restore it, or index again", shard.name)
        elif (size := path.stat().st_size) != shard.size:
            message = f"has {size:,} bytes, but {shard.size:,} in the index: restore it, or index again"
            yield SampleFault("shard", message, shard.name)
        elif sha256_of(path) != shard.sha256:
            yield SampleFault(
                "shard", "content differs from the index (sha256): restore it, or index again", shard.name
            )
    for name in there:
        yield SampleFault("shard", "in the folder, but not in the index: remove it, or index again", name)


def _shard_faults(
    path: Path, required: Sequence[str], rules: Rules, seen: dict[str, str]
) -> tuple[list[SampleFault], int]:
    """Faults and number of valid samples of one shard; `seen` maps keys of earlier samples to their shards."""
    try:
        layout = arrange(scan_tar(path), path.name, required)
    except SampleFault as fault:
        return [fault], 0
    faults = [*layout.faults, *layout.ignored]
    sound = 0
    with path.open("rb") as file:
        for entry in layout.entries:
            if entry.key in seen:
                message = f"{seen[entry.key]} also has a sample with this key"
                faults.append(SampleFault("duplicate", message, path.name, entry.key))
                continue
            seen[entry.key] = path.name
            found = [fault.at(path.name, entry.key) for fault in _sample_faults(file.fileno(), entry, rules)]
            faults += found
            sound += not found
    return faults, sound


def _sample_faults(file: int, entry: Entry, rules: Rules) -> Iterator[SampleFault]:
    for extension, (offset, length) in entry.files.items():
        try:
            data = os.pread(file, length, offset)
            if extension == "json":
                parse_metadata(data, rules)
            else:
                decode(data, extension)
        except SampleFault as fault:
            yield SampleFault(fault.cause, f".{extension}: {fault.message}")
