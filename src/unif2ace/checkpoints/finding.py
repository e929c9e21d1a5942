"""Finds a run's checkpoints and verifies that they are complete."""

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
"""Written last: names, sizes and hashes of the other files. A directory without it is not a checkpoint."""
STATE: Final = "state.ckpt"
"""The state file of a single checkpoint."""
REST: Final = "meta.pt"
"""The file of unsharded entries in a sharded checkpoint."""
FORMAT: Final = 1
FOLDER: Final = "checkpoints"
Kind = Literal["single", "sharded"]

_NAME = re.compile(r"step-(\d{8,})")
_checked: dict[Path, object] = {}


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """Contents of `complete.json`.

    Attributes:
        path: The directory.
        step: Optimiser steps taken.
        kind: One file, or shards of several processes.
        files: Size in bytes and SHA-256 of each file, by name.
    """

    path: Path
    step: int
    kind: Kind
    files: Mapping[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


def step_name(step: int) -> str:
    """The name of a step's directory."""
    return f"step-{step:08d}"


def is_checkpoint(path: Path) -> bool:
    """Whether a path is the directory of one step, complete or not."""
    return path.is_dir() and (_NAME.fullmatch(path.name) is not None or (path / COMPLETE).is_file())


def home(folder: str | Path) -> Path:
    """The directory of a run's checkpoints: the folder itself, or its sub-folder ``checkpoints``."""
    folder = Path(folder)
    return folder / FOLDER if (folder / FOLDER).is_dir() else folder


def listed(folder: str | Path) -> list[Path]:
    """Directories of steps, complete or not, the newest last.

    Args:
        folder: Folder of a run, or of its checkpoints.
    """
    place = home(folder)
    found = [p for p in place.iterdir() if _NAME.fullmatch(p.name) and p.is_dir()] if place.is_dir() else []
    return sorted(found, key=lambda p: int(p.name.removeprefix("step-")))


def describe(path: Path) -> SavedCheckpoint:
    """Description of a checkpoint; existence and sizes of its files are checked, contents are not.

    Raises:
        DataError: If it is not complete.
    """
    try:
        tree = json.loads((path / COMPLETE).read_text(encoding="utf-8"))
        files = {str(name): (int(entry["size"]), str(entry["sha256"])) for name, entry in tree["files"].items()}
        found = SavedCheckpoint(path, int(tree["step"]), tree["kind"], files)
        if tree["format"] != FORMAT or found.kind not in get_args(Kind):
            raise DataError(f"{path} has format {tree['format']!r}, this version reads {FORMAT}: update unif2ace")
    except FileNotFoundError as error:
        raise DataError(f"{path} was never finished: it has no {COMPLETE}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path / COMPLETE} is damaged ({type(error).__name__}: {error})") from error
    if _NAME.fullmatch(path.name) and path.name != step_name(found.step):
        raise DataError(f"{path} holds step {found.step}: it was renamed or is damaged")
    for name, (size, _) in files.items():
        there = (path / name).stat().st_size if (path / name).is_file() else None
        if "/" in name or there is None:
            raise DataError(f"{path} lacks {name}")
        if there != size:
            raise DataError(f"{path / name} has {there:,} bytes, {size:,} were written")
    return found


def verify(path: Path) -> SavedCheckpoint:
    """As `describe`, but also checks the hash of every file; done once per process while the files do not change.

    Raises:
        DataError: If it is not complete, or a file was changed.
    """
    found = describe(path)
    stats = [(path / name).stat() for name in (COMPLETE, *found.files)]
    stamp = tuple((s.st_ino, s.st_size, s.st_mtime_ns) for s in stats)
    if _checked.get(path.resolve()) == stamp:
        return found
    for name, (_, digest) in found.files.items():
        if sha256(path / name) != digest:
            raise DataError(f"{path / name} is damaged: its contents are not what was written")
    _checked[path.resolve()] = stamp
    return found


def sha256(file: Path) -> str:
    """SHA-256 of a file's contents, 64 hexadecimal characters."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def newest(folder: str | Path) -> Path | None:
    """The newest checkpoint that is complete and undamaged; newer ones that are not are logged.

    Args:
        folder: Folder of a run, or of its checkpoints.

    Returns:
        Its directory; None if there is none.
    """
    for path in reversed(listed(folder)):
        try:
            return verify(path).path
        except DataError as error:
            log.warning("passed over: %s", error)
    return None
