"""Finds the checkpoints of a run, and verifies that their files are complete and undamaged."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from unif2ace.errors import DataError

log = logging.getLogger(__name__)

COMPLETE: Final = "complete.json"
"""File with the names, sizes and hashes of the other files. It is written last and marks a complete checkpoint."""
STATE: Final = "state.ckpt"
"""The state file of a single-file checkpoint."""
REST: Final = "meta.pt"
"""The file with the unsharded entries of a sharded checkpoint."""
FORMAT: Final = 1
FOLDER: Final = "checkpoints"
Kind = Literal["single", "sharded"]

_NAME = re.compile(r"step-(\d{8,})")
_checked: dict[Path, object] = {}


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """Contents of `complete.json`.

    Attributes:
        path: The checkpoint's directory.
        step: Number of optimiser steps before the checkpoint was saved.
        kind: ``single`` for one state file, ``sharded`` for the shards of several processes.
        files: Size in bytes and SHA-256 of each file, by name.
    """

    path: Path
    step: int
    kind: Kind
    files: Mapping[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """Total size of the files in bytes."""
        return sum(size for size, _ in self.files.values())


def step_name(step: int) -> str:
    """Name of the checkpoint directory of a step, such as ``step-00001000``."""
    return f"step-{step:08d}"


def is_checkpoint(path: Path) -> bool:
    """Whether a path is a checkpoint directory, complete or not."""
    return path.is_dir() and (_NAME.fullmatch(path.name) is not None or (path / COMPLETE).is_file())


def home(folder: str | Path) -> Path:
    """The directory with the checkpoints of a run: the sub-folder ``checkpoints`` if it exists, else the folder."""
    folder = Path(folder)
    return folder / FOLDER if (folder / FOLDER).is_dir() else folder


def listed(folder: str | Path) -> list[Path]:
    """Checkpoint directories of a run, complete or not, in the order of their steps.

    Args:
        folder: A run folder, or its folder ``checkpoints``.
    """
    place = home(folder)
    found = [p for p in place.iterdir() if _NAME.fullmatch(p.name) and p.is_dir()] if place.is_dir() else []
    return sorted(found, key=lambda p: int(p.name.removeprefix("step-")))


def describe(path: Path) -> SavedCheckpoint:
    """Reads the description of a checkpoint. Checks the existence and size of its files, but not their contents.

    Raises:
        DataError: If the checkpoint is incomplete, damaged, or of another format version.
    """
    try:
        tree = json.loads((path / COMPLETE).read_text(encoding="utf-8"))
        files = {str(name): (int(entry["size"]), str(entry["sha256"])) for name, entry in tree["files"].items()}
        found = SavedCheckpoint(path, int(tree["step"]), tree["kind"], files)
        if tree["format"] != FORMAT or found.kind not in get_args(Kind):
            raise DataError(
                f"{path} has checkpoint format {tree['format']!r}, this version reads format {FORMAT}: update unif2ace"
            )
    except FileNotFoundError as error:
        raise DataError(f"{path} is incomplete: {COMPLETE} is missing; use another checkpoint") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path / COMPLETE} is damaged ({type(error).__name__}: {error}); use another checkpoint"
        ) from error
    if _NAME.fullmatch(path.name) and path.name != step_name(found.step):
        raise DataError(f"{path} holds step {found.step}: rename the directory back to {step_name(found.step)}")
    for name, (size, _) in files.items():
        there = (path / name).stat().st_size if (path / name).is_file() else None
        if "/" in name or there is None:
            raise DataError(f"{path} lacks {name}: use another checkpoint")
        if there != size:
            raise DataError(f"{path / name} is damaged: it has {there:,} of {size:,} bytes; use another checkpoint")
    return found


def verify(path: Path) -> SavedCheckpoint:
    """Like `describe`, but also checks the hash of every file.

    A process checks the hashes only once, as long as the size and modification time of the files do not change.

    Raises:
        DataError: If the checkpoint is incomplete, damaged, or of another format version.
    """
    found = describe(path)
    stats = [(path / name).stat() for name in (COMPLETE, *found.files)]
    stamp = tuple((s.st_ino, s.st_size, s.st_mtime_ns) for s in stats)
    if _checked.get(path.resolve()) == stamp:
        return found
    for name, (_, digest) in found.files.items():
        if sha256(path / name) != digest:
            raise DataError(f"{path / name} is damaged: its contents changed after it was written")
    _checked[path.resolve()] = stamp
    return found


def sha256(file: Path) -> str:
    """SHA-256 of a file's contents, 64 hexadecimal characters."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def newest(folder: str | Path) -> Path | None:
    """Finds the newest checkpoint that is complete and undamaged. Logs a warning for each newer one.

    Args:
        folder: A run folder, or its folder ``checkpoints``.

    Returns:
        The checkpoint's directory; None if no checkpoint is complete and undamaged.
    """
    for path in reversed(listed(folder)):
        try:
            return verify(path).path
        except DataError as error:
            log.warning("trying an older checkpoint: %s", error)
    return None
