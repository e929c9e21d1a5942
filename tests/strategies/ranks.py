"""Runs a script in two processes that find each other, as torchrun would start them; none outlives the call."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path


def run_ranks(script: Path, *words: str, ranks: int = 2, timeout: float = 400) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks), "OMP_NUM_THREADS": "1"}
    runs = []
    try:
        for rank in range(ranks):
            environment = {**os.environ, **shared, "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
            environment.pop("PL_GLOBAL_SEED", None)
            command = [sys.executable, str(script), *words]
            runs.append(_started(command, environment))
        told = [run.communicate(timeout=timeout)[0] for run in runs]
    finally:
        for run in runs:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    for run, text in zip(runs, told, strict=True):
        assert run.returncode == 0, text[-6000:]


def _started(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )
