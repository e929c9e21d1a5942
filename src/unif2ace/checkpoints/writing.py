"""Writes a checkpoint atomically: its directory appears complete or not at all.

All files are written to ``NAME.tmp`` on the same file system. Each file is hashed while it is written, then synced to
disk. ``complete.json`` is written last, and then the directory is renamed to ``NAME``. If the process or the machine
stops, earlier checkpoints are unchanged.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

from unif2ace.checkpoints.finding import COMPLETE, FORMAT, Kind, describe, home, listed, sha256, verify
from unif2ace.errors import DataError

PARTIAL: Final = ".tmp"
_LEFT = re.compile(r"\.?step-\d{8,}(\.\w+)?\.tmp")
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


class DiskFullError(DataError):
    """The disk has no space for a checkpoint. Earlier checkpoints are unchanged."""


class HashedFile:
    """An append-only file that records the size and SHA-256 of its content."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash, self.size = file, hashlib.sha256(), 0

    def write(self, data: Any) -> int:
        """Appends bytes, and returns their number."""
        written = self._file.write(data)
        self._hash.update(data)
        self.size += written
        return written

    def flush(self) -> None:
        """Flushes buffered bytes to the operating system."""
        self._file.flush()

    @property
    def digest(self) -> str:
        """SHA-256 of the written bytes."""
        return self._hash.hexdigest()


class CheckpointFolder:
    """A checkpoint directory that is being written.

    A single process uses this class as a context manager, which publishes the directory at the end, or removes it after
    an error. If several processes write, rank 0 calls `open`, `publish` and `discard`.

    Args:
        path: The directory to create.
        step: Number of optimiser steps so far.
        kind: ``single`` or ``sharded``, see `SavedCheckpoint`.
        needed: Required disk space in bytes, for the message if the disk is full; 0 if unknown.
    """

    def __init__(self, path: str | Path, *, step: int, kind: Kind = "single", needed: int = 0) -> None:
        self.path, self.step, self.kind, self.needed = Path(path), step, kind, needed
        self.partial = self.path.with_name(self.path.name + PARTIAL)
        self._files: dict[str, tuple[int, str]] = {}

    def open(self) -> None:
        """Creates the temporary directory, after removing the one of a killed process."""
        shutil.rmtree(self.partial, ignore_errors=True)
        with explained(self.path, self.needed):
            self.partial.mkdir(parents=True)

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[HashedFile]:
        """Opens a new file of the checkpoint; the file is synced to disk at the end of the block."""
        with explained(self.path, self.needed), (self.partial / name).open("wb", buffering=1 << 20) as opened:
            hashed = HashedFile(opened)
            yield hashed
            opened.flush()
            os.fsync(opened.fileno())
        self._files[name] = (hashed.size, hashed.digest)

    def add(self, name: str, size: int, digest: str) -> None:
        """Registers a file that was written, synced and hashed by other code."""
        self._files[name] = (size, digest)

    def publish(self) -> Path:
        """Writes ``complete.json`` and renames the directory. If `path` is a valid checkpoint already, it is kept.

        Raises:
            DataError: If `path` is a file.
        """
        for file in sorted(self.partial.iterdir()):
            if file.name not in self._files:
                self._files[file.name] = (file.stat().st_size, sha256(file))
        entries = {name: {"size": size, "sha256": digest} for name, (size, digest) in sorted(self._files.items())}
        tree = {"format": FORMAT, "step": self.step, "kind": self.kind, "files": entries}
        with explained(self.path, self.needed), (self.partial / COMPLETE).open("w", encoding="utf-8") as opened:
            json.dump(tree, opened, indent=1)
            opened.flush()
            os.fsync(opened.fileno())
        sync_folder(self.partial)
        if self.path.exists() and not self._makes_room():
            self.discard()
            return self.path
        os.replace(self.partial, self.path)
        sync_folder(self.path.parent)
        return self.path

    def _makes_room(self) -> bool:
        """Removes the directory at `path`, unless it is a valid checkpoint. Returns whether it was removed."""
        if not self.path.is_dir():
            raise DataError(f"{self.path} is a file: remove it, or save to another folder")
        try:
            verify(self.path)
        except DataError:
            remove(self.path)
            return True
        return False

    def discard(self) -> None:
        """Removes the files written so far."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def __enter__(self) -> CheckpointFolder:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.publish()
        finally:
            self.discard()


def prune(folder: str | Path, keep: int, latest: Path) -> None:
    """Removes old and incomplete checkpoints after a new checkpoint was written.

    Directories with a higher step than `latest` are kept: they are damaged checkpoints that the resumed run will
    overwrite. Nothing is removed if `latest` is incomplete or of another format, because another program may use the
    folder.

    Args:
        folder: A run folder, or its folder ``checkpoints``.
        keep: Number of complete checkpoints to keep, at least 1.
        latest: Directory of the new checkpoint.
    """
    if not _looks_whole(latest):
        return
    paths = listed(folder)
    whole = [path for path in paths[: paths.index(latest) + 1] if _looks_whole(path)]
    for path in paths[: paths.index(latest) + 1]:
        if path not in whole[-keep:]:
            remove(path)


def _looks_whole(path: Path) -> bool:
    try:
        describe(path)
    except DataError:
        return False
    return True


def remove(path: Path) -> None:
    """Deletes a checkpoint. The directory is renamed first, so that a partly deleted checkpoint is never found."""
    away = path.with_name(f"{path.name}.old{PARTIAL}")
    shutil.rmtree(away, ignore_errors=True)
    os.replace(path, away)
    shutil.rmtree(away, ignore_errors=True)


def remove_leftovers(folder: str | Path) -> None:
    """Deletes the temporary directories of killed processes. Do not call this while a checkpoint is being written."""
    place = home(folder)
    for path in place.iterdir() if place.is_dir() else ():
        if _LEFT.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def sync_folder(path: Path) -> None:
    """Syncs the entries of a directory (file names, not contents) to disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def explained(path: Path, needed: int = 0) -> Iterator[None]:
    """Replaces the system's "no space left" error by an error with the required and the free disk space.

    Args:
        path: The checkpoint directory, for the message.
        needed: Required disk space in bytes; 0 if unknown.

    Raises:
        DiskFullError: If the disk or the quota is full.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch.save reports a failed write as RuntimeError
        if not is_full(error):
            raise
        there = next((p for p in path.parents if p.is_dir()), Path("/"))
        free = shutil.disk_usage(there).free
        room = f"{needed:,} bytes are needed, {free:,} are free" if needed else f"{free:,} bytes are free"
        raise DiskFullError(
            f"the disk is full: {path} could not be written ({room}); free disk space, or keep fewer checkpoints with "
            "run_callbacks.checkpoint.keep=N; earlier checkpoints are unchanged: continue with resume=auto"
        ) from error


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, reports a full disk or quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False
