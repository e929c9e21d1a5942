"""Atomic file writes: a file is complete or absent, whenever the process or the machine stops."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from unif2ace.errors import DataError

PARTIAL: Final = ".partial"
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


def partial_path(path: Path) -> Path:
    """Temporary path of a file: a sibling, because a move is atomic only within one file system."""
    return path.with_name(f".{path.name}{PARTIAL}")


def publish(file: BinaryIO, path: Path) -> None:
    """Closes the temporary file and moves it to `path`, durably."""
    file.flush()
    os.fsync(file.fileno())
    file.close()
    os.replace(partial_path(path), path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def discard(file: BinaryIO, path: Path) -> None:
    """Removes the temporary file after a failure."""
    with contextlib.suppress(OSError):
        file.close()
    partial_path(path).unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file that replaces `path` if the block succeeds; otherwise `path` is unchanged.

    Raises:
        DataError: If the disk is full.
    """
    with explained(path):
        file = partial_path(path).open("wb")
        try:
            yield file
            publish(file, path)
        except BaseException:
            discard(file, path)
            raise


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns "no space left on device" into a `DataError` that states the free space and a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(path.parent).free
        raise DataError(
            f"{path}: the disk is full ({free:,} bytes are free); free some space and start again, "
            "finished shards are kept"
        ) from error
