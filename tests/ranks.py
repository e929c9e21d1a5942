"""Runs a script in processes that find each other, as torchrun would start them; none outlives the call."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.multiprocessing import start_processes
from warm_process import WarmProcess, warm_context


def run_ranks(script: Path, *words: str, ranks: int = 2, timeout: float = 250) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder, f"rank-{rank}.txt") for rank in range(ranks)]
        runs: list[WarmProcess] = []
        try:
            for rank, log in enumerate(logs):
                environment = {**os.environ, **shared, "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
                environment.pop("PL_GLOBAL_SEED", None)
                runs.append(WarmProcess([str(script), *words], log, env=environment))
            end = time.monotonic() + timeout
            while None in (statuses := [run.poll() for run in runs]) and not any(statuses):
                assert time.monotonic() < end, [log.read_text()[-3000:] for log in logs]
                time.sleep(0.02)
        finally:
            for run in runs:
                run.kill()
        for status, log in zip(statuses, logs, strict=True):
            assert not status, log.read_text()[-6000:]


def call_on_ranks(function: Callable[..., None], *args: Any, ranks: int = 2) -> None:
    """Calls a module's function with rank and `args` in as many processes; an error in one is raised here."""
    warm_context()
    start_processes(function, args, nprocs=ranks, start_method="forkserver")
