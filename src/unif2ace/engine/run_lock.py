"""One process at a time writes into a run's folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from unif2ace.errors import ConfigError

LOCK, OWNER = ".lock", ".owner.json"
RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")
"""Variables by which torchrun, Slurm and Lightning number the processes of one run."""


@contextmanager
def run_lock(folder: str | Path) -> Iterator[None]:
    """Holds a folder for this process. The system frees it when the process ends, however it ends.

    The first process of a run takes the lock for all of them.

    Args:
        folder: Where the process writes; it is made.

    Raises:
        ConfigError: If another process holds it; the message names its host and number.
    """
    if any(os.environ.get(name, "0") != "0" for name in RANKS):
        yield
        return
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"{folder} is in use by {_owner(folder)}: wait for it, stop it, or give another run_dir=..."
        ) from None
    try:
        (folder / OWNER).write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
        yield
    finally:
        (folder / OWNER).unlink(missing_ok=True)
        lock.release()  # the file stays: were it removed, two processes could hold two files of its name


def _owner(folder: Path) -> str:
    try:
        owner = json.loads((folder / OWNER).read_text())
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"
