"""Processes that start with torch, Lightning and this package imported, which takes a new interpreter seconds.

They are forked from a server that has imported these and nothing else: it has no threads and no state of a test. A
process has a session of its own and the environment of its caller, and ends as an interpreter ends.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

IMPORTED = [
    "torch", "torchvision", "torchmetrics", "lightning.pytorch", "torchdata.stateful_dataloader", "PIL.Image",
    "unif2ace.engine", "unif2ace.modules.unified", "unif2ace.modules.tokenizer", "unif2ace.modules.attributes",
    "unif2ace.data.datamodule", "torch.distributed.fsdp", "torch.distributed.checkpoint.state_dict",
]  # fmt: skip
"""What the server imports; no command, because Python warns of a script that is imported already."""


class WarmProcess:
    """``python *words`` in a forked process; `words` are a script, or ``-m`` and a module, with what follows.

    Attributes:
        pid: Its id, which is also that of its group.
    """

    def __init__(
        self,
        words: Sequence[str],
        out: Path,
        errors: Path | None = None,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        given: Path = Path(os.devnull),
    ) -> None:
        files = str(given), str(out), str(errors or out)
        for file in files[1:]:
            Path(file).touch()
        settings = dict(os.environ if env is None else env)
        self._process = warm_context().Process(
            target=_start, args=(list(words), files, str(cwd or Path.cwd()), settings)
        )
        self._process.start()
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Its exit status as in `subprocess.Popen`; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Waits for its end.

        Raises:
            subprocess.TimeoutExpired: If it still runs then.
        """
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return status

    def kill(self) -> None:
        """Kills what is left of it and of the processes that it started."""
        for end in (os.killpg, os.kill):
            with suppress(ProcessLookupError):
                end(self.pid, signal.SIGKILL)
        self._process.join()


def run_warm(
    words: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 200,
    given: str = "",
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with captured text, in a warm process."""
    with tempfile.TemporaryDirectory() as folder:
        read, out, errors = (Path(folder, name) for name in ("in", "out", "errors"))
        read.write_text(given)
        process = WarmProcess(words, out, errors, cwd=cwd, env=env, given=read)
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(list(words), status, out.read_text(), errors.read_text())


def warm_context() -> Any:
    """The context of `multiprocessing` whose processes are warm."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def _start(words: list[str], files: tuple[str, str, str], cwd: str, env: dict[str, str]) -> None:
    os.setsid()
    for target, path in enumerate(files):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND if target else os.O_RDONLY, 0o600)
        os.dup2(file, target)
        os.close(file)
    sys.stdin = os.fdopen(0, closefd=False)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    _as_imported_here()
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            sys.path[:0] = [cwd]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            sys.path[:0] = [str(Path(words[0]).parent)]
            runpy.run_path(words[0], run_name="__main__")
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()


def _as_imported_here() -> None:
    """Sets what the tests set, and what packages take from the environment, or draw, when they are imported."""
    import numpy as np
    import torch
    from lightning.fabric.utilities.rank_zero import _get_rank, rank_zero_only

    os.fsync = os.fstat  # as in conftest.py
    np.random.seed()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    rank_zero_only.rank = _get_rank() or 0
