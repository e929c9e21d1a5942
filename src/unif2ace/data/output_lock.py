"""File locks: only one process at a time writes into an output folder or file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from unif2ace.errors import ConfigError

log = logging.getLogger(__name__)

LOCK = ".lock"
"""Name of the lock file, which contains the host and process id of the holder until the lock is released."""
RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")
"""Environment variables with the rank of a process, set by torchrun, Slurm and Lightning."""
_HELD: dict[Path, int] = {}
"""Lock files that this process holds, each with the id of the thread that locked it."""
_FILES: set[int] = set()
_TAKEN = (errno.EAGAIN, errno.EACCES)
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


@contextlib.contextmanager
def output_lock(path: str | Path, key: str, *, single: bool = False, wait: bool = False) -> Iterator[None]:
    """Locks an output folder, or one entry of a folder, for the current thread; nested calls succeed.

    The operating system releases the lock when the process ends for any reason. In a distributed run only rank 0 locks.

    Args:
        path: The folder, created if missing. With `single`: a file, or a folder that does not exist yet.
        key: Configuration key of the path, for messages.
        single: Whether the lock file lies beside the path rather than in it.
        wait: Whether to wait for a process that holds the lock; otherwise an error is raised.

    Raises:
        ConfigError: If another process holds the lock, or the path is not writable.
    """
    path = Path(path)
    file = path.with_name(f".{path.name}{LOCK}") if single else path / LOCK
    if any(os.environ.get(name, "0") != "0" for name in RANKS) or _is_ours(file):
        yield
        return
    made = not file.parent.exists()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if single:
            _refuse_held(path.parent, key)
        number = _take(file, path, key, wait)
    except OSError as error:
        what = error.strerror or str(error)
        raise ConfigError(f"{key}={path} is not writable ({what}): give another {key}=...") from error
    whole = file.resolve()
    _HELD[whole] = threading.get_ident()
    try:
        yield
    finally:
        _HELD.pop(whole, None)
        _FILES.discard(number)
        with contextlib.suppress(OSError):
            file.unlink()  # while the lock is held: a process that locks the old file next sees that it was removed
        os.close(number)
        if made:
            with contextlib.suppress(OSError):
                file.parent.rmdir()  # nothing was written


def _is_ours(file: Path) -> bool:
    return _HELD.get(file.resolve()) == threading.get_ident()


def _take(file: Path, path: Path, key: str, wait: bool) -> int:
    """Locks the file and returns its descriptor."""
    while True:
        number = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _lock(number, file, wait):
                raise _in_use(path, file, key)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(number), file.stat()):
                    os.ftruncate(number, 0)
                    os.write(number, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())
                    _FILES.add(number)
                    return number
        except BaseException:
            os.close(number)
            raise
        os.close(number)  # its holder removed it meanwhile


def _lock(number: int, file: Path, wait: bool) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            log.warning("the file system of %s has no locks: start no second process that writes there", file.parent)
            return True
        if error.errno not in _TAKEN:
            raise
        if not wait:
            return False
        log.info("waiting for %s, which writes to %s", _owner(file), file.parent)
        fcntl.flock(number, fcntl.LOCK_EX)
    return True


def _refuse_held(folder: Path, key: str) -> None:
    """Raises if another process holds the folder that contains the entry."""
    file = folder / LOCK
    if _is_ours(file) or not file.exists():
        return
    number = os.open(file, os.O_RDWR)
    try:
        if not _lock(number, file, False):
            raise _in_use(folder, file, key)
    finally:
        os.close(number)


def _in_use(path: Path, file: Path, key: str) -> ConfigError:
    return ConfigError(f"{path} is in use by {_owner(file)}: wait for it, stop it, or give another {key}=...")


def _owner(file: Path) -> str:
    try:
        owner = json.loads(file.read_text())
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _forget() -> None:
    """Releases all locks in a forked child, which would otherwise keep them after its parent ended."""
    for number in _FILES:
        os.close(number)
    _FILES.clear()
    _HELD.clear()


os.register_at_fork(after_in_child=_forget)
