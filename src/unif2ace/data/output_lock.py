"""One process at a time writes into a folder or a file of results."""

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
"""Name of the lock file in a folder; it says which process holds it, and is removed when that is done."""
RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")
"""Variables by which torchrun, Slurm and Lightning number the processes of one run."""
_HELD: dict[Path, int] = {}
"""Lock files that this process holds, and the thread that took each."""
_FILES: set[int] = set()
_TAKEN = (errno.EAGAIN, errno.EACCES)
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


@contextlib.contextmanager
def output_lock(path: str | Path, key: str, *, single: bool = False, wait: bool = False) -> Iterator[None]:
    """Holds a folder, or one entry of a folder, for this thread and the work that it calls.

    The system frees it when the process ends, however it ends. The first process of a run takes it for all of them.

    Args:
        path: The folder, which is made; with `single` a file, or a folder that must not exist yet.
        key: Key of the configuration that gives the path, for messages.
        single: Whether the lock file lies beside the path rather than in it.
        wait: Whether to wait for another process rather than to refuse.

    Raises:
        ConfigError: If another process holds it, which the message names by host and number, or if it is not writable.
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
        raise ConfigError(f"{key}={path}: cannot write there ({what}): give another {key}=...") from error
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
    """Descriptor of the locked file."""
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
            log.warning("the file system of %s has no locks: nothing keeps a second process out", file.parent)
            return True
        if error.errno not in _TAKEN:
            raise
        if not wait:
            return False
        log.info("%s works in %s: waiting for it", _owner(file), file.parent)
        fcntl.flock(number, fcntl.LOCK_EX)
    return True


def _refuse_held(folder: Path, key: str) -> None:
    """Refuses an entry of a folder that another process holds whole."""
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
    """A forked process holds nothing: else one that outlives its parent would keep the lock."""
    for number in _FILES:
        os.close(number)
    _FILES.clear()
    _HELD.clear()


os.register_at_fork(after_in_child=_forget)
