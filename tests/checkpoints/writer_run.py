"""Writes checkpoints in processes that kill themselves at each call that touches the disk: writer_run.py FOLDER KIND.

Of the calls that only fill the buffer of a file, which leave the disk alike, they die at every sixth.

In a file of its own because it forks. The n-th process works in FOLDER/n; the numbers of those that were killed are
printed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from unif2ace.checkpoints import writing
from unif2ace.checkpoints.sharded import save_sharded
from unif2ace.checkpoints.single import save_single


def state(step: int) -> dict:
    """A checkpoint whose every tensor says its step."""
    return {"global_step": step, "state_dict": {f"w{i}": torch.full((300,), float(step)) for i in range(5)}}


def write(folder: Path, fatal: int, save: Callable[..., Path]) -> None:
    """Writes steps 2 and 3 beside step 1, keeping one, and is killed at the given call."""
    save(state(1), folder / "step-00000001")
    calls = 0

    def watch(owner, name: str, every: int = 1) -> None:
        call, begun = getattr(owner, name), 0

        def counted(*args, **kwargs):
            nonlocal calls, begun
            begun += 1
            calls += begun % every == 0
            if calls == fatal and begun % every == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        setattr(owner, name, counted)

    for owner, name in ((os, "fsync"), (os, "replace"), (os, "mkdir"), (shutil, "rmtree"), (os, "unlink")):
        watch(owner, name)
    watch(writing.HashedFile, "write", every=6)
    for step in (2, 3):
        path = save(state(step), folder / f"step-{step:08d}")
        writing.prune(folder, 1, path)


def main() -> None:
    killed = []
    for fatal in range(1, 1000):
        child = os.fork()
        if child == 0:
            write(Path(sys.argv[1]) / str(fatal), fatal, {"single": save_single, "sharded": save_sharded}[sys.argv[2]])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        killed.append(fatal)
    print(*killed)


if __name__ == "__main__":
    main()
