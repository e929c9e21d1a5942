"""Writes a shard folder. An interrupted build keeps finished shards, and can continue with the same result."""

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
    """Writes samples into ``shard-000000.tar``, ``shard-000001.tar``, ..., then the index.

    A shard gets its final name when it is complete and on disk. In a folder with an interrupted build, the writer keeps
    the finished shards; the caller then continues with sample number `num_completed` of the same sequence. Tars contain
    no time and no user, so interrupted and uninterrupted builds give the same bytes.

    Use it as a context manager. The normal end of the block finishes the build; an exception keeps the finished shards
    for the next start. Only one writer at a time may use a folder.

    Args:
        folder: Output folder, created if missing.
        samples_per_shard: Number of samples in each shard; the last shard may have fewer.
        recipe: All settings that determine the samples, as plain JSON. A build continues only with the same recipe.
        required: Extensions that every sample must have; ``image`` stands for any image extension.
        rules: Limits and requirements of the metadata.
        progress: Called while the index is built.

    Raises:
        DataError: If the folder holds a finished build, a build with another recipe or shard size, or tars of another
            program.
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
        """Number of samples in finished shards: the index of the sample to continue with."""
        return len(self._keys) - (self._open.samples if self._open else 0)

    @property
    def num_written(self) -> int:
        """Number of samples written so far, including finished shards of earlier runs."""
        return len(self._keys)

    @property
    def completed_keys(self) -> frozenset[str]:
        """Keys of the samples written so far, including finished shards of earlier runs."""
        return frozenset(self._keys)

    def write(self, sample: Sample) -> None:
        """Adds a sample.

        Raises:
            DataError: If the key is invalid or was written before, the metadata violates the schema, the image type is
                unknown, or the disk is full. Except for a full disk, the writer remains usable.
        """
        self.write_files(sample.key, sample_files(sample, self._rules))

    def write_files(self, key: str, files: Mapping[str, bytes]) -> None:
        """Adds a sample as a mapping from extensions to file contents, without checking the contents.

        Raises:
            DataError: If the key is invalid or was written before, a file type is unknown, a required file is missing,
                or the disk is full.
        """
        check_key(key)
        if key in self._keys:
            raise DataError(f"key {key!r} was written before; give each sample a unique key")
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
        """Starts a build, or checks that an unfinished build has the same settings."""
        build = {"samples_per_shard": self.samples_per_shard, "required": [*self._required], "recipe": self._recipe}
        path = self.folder / BUILD
        if has_index(self.folder):
            raise DataError(f"{self.folder} holds a finished build; give another folder or remove this one")
        if not path.exists():
            if any(self.folder.glob("*.tar")):
                raise DataError(f"{self.folder} holds .tar files of another program; give another folder")
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
    """Files of a sample as stored in a shard: maps extensions to contents.

    Args:
        sample: The sample.
        rules: Limits and requirements of the metadata.

    Raises:
        DataError: If the metadata violates the schema or the image type is unknown.
    """
    if sample.extension not in IMAGE_EXTENSIONS:
        known = ", ".join(IMAGE_EXTENSIONS)
        raise DataError(f"sample {shown(sample.key)}: {sample.extension!r} is not an image extension; use {known}")
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
    """Checks the key of a sample.

    Raises:
        DataError: If the key is not 1 to 80 characters of ``a-z0-9_-``.
    """
    if not KEY_PATTERN.fullmatch(key):
        raise DataError(f"key {shown(key)} must have 1 to 80 characters of a-z, 0-9, _ and -")


def differences(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> list[str]:
    """One phrase per setting that differs between two nested mappings."""
    out = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            out += differences(old, new, f"{path}{name}.")
        elif old != new:
            out.append(f"{path}{name} was {old!r} and is {new!r}")
    return out
