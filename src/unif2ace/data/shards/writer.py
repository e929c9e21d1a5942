"""Writes a shard folder that survives being killed: finished shards are kept, and the result has the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from unif2ace.data.atomic import PARTIAL, replacing
from unif2ace.data.shards.decode import DECODERS
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.images import IMAGE_EXTENSIONS
from unif2ace.data.shards.index import BUILD, Index, has_index, local_folder
from unif2ace.data.shards.indexing import build_index
from unif2ace.data.shards.open_shard import OpenShard
from unif2ace.data.shards.progress import Progress
from unif2ace.data.shards.sample import KEY_PATTERN, Sample
from unif2ace.data.shards.schema import DEFAULT_RULES, KNOWN, Rules, check_metadata
from unif2ace.data.shards.shard_layout import FACES, arrange, shown
from unif2ace.data.shards.tar import scan_tar
from unif2ace.errors import DataError


class ShardWriter:
    """Writes samples into ``shard-000000.tar``, ``shard-000001.tar``, ... and at the end the index.

    A shard appears under its name when it is complete and on disk. Opened on a folder whose build was interrupted, the
    writer keeps the finished shards; the caller continues with sample number `num_completed` of the same sequence. Tars
    contain no time and no user, so an interrupted build gives the same bytes as an uninterrupted one.

    Use it as a context manager: leaving the block normally finishes the build, leaving it by an exception keeps the
    finished shards for the next start. Only one writer may work on a folder.

    Args:
        folder: Output folder, created if missing.
        samples_per_shard: Samples in each shard but the last.
        recipe: All settings that determine the samples, as plain JSON; a build cannot continue with another recipe.
        required: Extensions that every sample must have; ``image`` is any image type.
        rules: Requirements on metadata.
        progress: Called while the index is built.

    Raises:
        DataError: If the folder holds a finished build, one of another recipe or shard size, or foreign tars.
    """

    def __init__(
        self,
        folder: str | Path,
        samples_per_shard: int = 1000,
        *,
        recipe: Mapping[str, Any] | None = None,
        required: Sequence[str] = FACES,
        rules: Rules = DEFAULT_RULES,
        progress: Progress | None = None,
    ) -> None:
        if samples_per_shard < 1:
            raise DataError(f"samples_per_shard={samples_per_shard}: it must be at least 1")
        self.folder, self.samples_per_shard = local_folder(folder), samples_per_shard
        self._required, self._rules, self._progress = tuple(required), rules, progress
        self._recipe = json.loads(json.dumps(dict(recipe or {})))
        self._keys: set[str] = set()
        self._shards = 0
        self._open: OpenShard | None = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_build()
        self._keep_finished()

    @property
    def num_completed(self) -> int:
        """Samples in finished shards, where the caller continues."""
        return len(self._keys) - (self._open.samples if self._open else 0)

    @property
    def num_written(self) -> int:
        """Samples written so far, with those of finished shards."""
        return len(self._keys)

    @property
    def completed_keys(self) -> frozenset[str]:
        """Keys of the samples written so far, with those of finished shards."""
        return frozenset(self._keys)

    def write(self, sample: Sample) -> None:
        """Adds a sample.

        Raises:
            DataError: If the key is invalid or was written before, the metadata violates the schema, the image type is
                unknown, or the disk is full. The writer can continue after a refused sample.
        """
        self.write_files(sample.key, sample_files(sample, self._rules))

    def write_files(self, key: str, files: Mapping[str, bytes]) -> None:
        """Adds a sample as files by extension, such as pre-computed tokens. Only key and file types are checked.

        Raises:
            DataError: If the key is invalid or was written before, a file is of an unknown type or a required one is
                missing, or the disk is full.
        """
        check_key(key)
        if key in self._keys:
            raise DataError(f"key {key!r} was written before; each sample needs its own")
        present = {*files, *(["image"] if any(e in IMAGE_EXTENSIONS for e in files) else [])}
        if missing := [name for name in self._required if name not in present]:
            raise DataError(f"sample {key!r} has no {missing[0]}; it needs {' and '.join(self._required)}")
        if unknown := [e for e in files if e.rpartition(".")[2] not in DECODERS]:
            raise DataError(f"sample {key!r}: file type .{unknown[0]} is not one of {', '.join(DECODERS)}")
        if self._open is None:
            self._open = OpenShard(self.folder / f"shard-{self._shards:06d}.tar")
        self._open.write(key, files)
        self._keys.add(key)
        if self._open.samples == self.samples_per_shard:
            self._finish_shard()

    def finish(self) -> Index:
        """Writes the last shard and the index.

        Raises:
            DataError: If nothing was written or the disk is full.
        """
        if self._open is not None:
            self._finish_shard()
        index = build_index(self.folder, required=self._required, recipe=self._recipe, progress=self._progress)
        (self.folder / BUILD).unlink(missing_ok=True)
        return index

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        elif self._open is not None:
            self._open.abandon()

    def _finish_shard(self) -> None:
        assert self._open is not None
        self._open.finish()
        self._open = None
        self._shards += 1

    def _check_build(self) -> None:
        """Begins a build, or checks that the settings of an unfinished build are the same."""
        build = {"samples_per_shard": self.samples_per_shard, "required": [*self._required], "recipe": self._recipe}
        path = self.folder / BUILD
        if has_index(self.folder):
            raise DataError(f"{self.folder} holds a finished build; give another folder or remove this one")
        if not path.exists():
            if any(self.folder.glob("*.tar")):
                raise DataError(f"{self.folder} holds tars that were not written here; give another folder")
            with replacing(path) as file:
                file.write(json.dumps(build, indent=1).encode())
            return
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path} is damaged; remove {self.folder} and build it again") from error
        if changed := differences(before, build):
            raise DataError(
                f"{self.folder} holds an unfinished build with other settings: {'; '.join(changed)}. "
                "Use the same settings to continue, or give another folder"
            )

    def _keep_finished(self) -> None:
        for leftover in self.folder.glob(f".*{PARTIAL}"):
            leftover.unlink()
        paths = sorted(self.folder.glob("*.tar"))
        for number, path in enumerate(paths):
            entries = arrange(scan_tar(path), path.name, self._required).entries
            missing = self.samples_per_shard - len(entries)
            if path.name != f"shard-{number:06d}.tar" or missing < 0 or (missing > 0 and path != paths[-1]):
                raise DataError(f"{path} does not belong to this build; remove {self.folder} and build it again")
            if missing:  # the build was stopped after its last shard, before its index
                path.unlink()
                break
            self._keys.update(entry.key for entry in entries)
            self._shards += 1


def sample_files(sample: Sample, rules: Rules = DEFAULT_RULES) -> dict[str, bytes]:
    """The files of a sample by extension, as a shard holds them.

    Args:
        sample: The sample.
        rules: Requirements on its metadata.

    Raises:
        DataError: If the metadata violates the schema or the image type is unknown.
    """
    if sample.extension not in IMAGE_EXTENSIONS:
        known = ", ".join(IMAGE_EXTENSIONS)
        raise DataError(f"sample {shown(sample.key)}: {sample.extension!r} is not a type of picture; use {known}")
    if taken := KNOWN.intersection(sample.metadata.extra):
        raise DataError(f"sample {shown(sample.key)}: extra entry {min(taken)!r} belongs to the schema; rename it")
    try:
        check_metadata(sample.metadata.to_json(), rules)
        text = sample.metadata.encode()
    except SampleFault as fault:
        raise fault.at("", sample.key) from fault
    except (TypeError, ValueError) as error:
        raise DataError(f"sample {shown(sample.key)}: the metadata is not plain JSON: {error}") from error
    return {sample.extension: sample.image, "json": text, **sample.others}


def check_key(key: str) -> None:
    """Checks the name of a sample.

    Raises:
        DataError: If it has other characters, none or too many.
    """
    if not KEY_PATTERN.fullmatch(key):
        raise DataError(f"key {shown(key)} must have 1 to 80 characters of a-z, 0-9, _ and -")


def differences(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> list[str]:
    """One phrase for each entry that differs between two trees of settings."""
    out = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            out += differences(old, new, f"{path}{name}.")
        elif old != new:
            out.append(f"{path}{name} was {old!r} and is {new!r}")
    return out
