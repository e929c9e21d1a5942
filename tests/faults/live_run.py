"""A training run in processes of its own that tests send signals to."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warm_process import WarmProcess

TOY = Path(__file__).with_name("toy_run.py")


class LiveRun:
    """A run of ``toy_run.py``; leaving the context kills whatever is left of it."""

    def __init__(self, out: Path, *words: str, env: dict[str, str] | None = None) -> None:
        self.out = out
        out.mkdir(exist_ok=True)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = str(found.getsockname()[1])
        settings = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_PORT": port} | (env or {})
        self.process = WarmProcess([str(TOY), str(out), *words], out / "output.txt", env=settings)

    def __enter__(self) -> LiveRun:
        return self

    def __exit__(self, *_: Any) -> None:
        self.process.kill()

    @property
    def output(self) -> str:
        return (self.out / "output.txt").read_text()

    def lines(self, rank: int = 0) -> list[dict[str, Any]]:
        file = self.out / f"rank-{rank}.jsonl"
        return [json.loads(x) for x in file.read_text().splitlines(True) if x.endswith("\n")] if file.exists() else []

    def wait(self, ready: Callable[[], Any]) -> Any:
        """Waits until a function gives something true; fails if the run ends before."""

        def found() -> Any:
            assert self.process.poll() is None, self.output[-3000:]
            return ready()

        return self.until(found)

    def until(self, ready: Callable[[], Any], seconds: float = 120) -> Any:
        """As `wait`, whether the run still runs or not."""
        end = time.monotonic() + seconds
        while not (found := ready()):
            assert time.monotonic() < end, self.output[-3000:]
            time.sleep(0.02)
        return found

    def at_step(self, step: int, ranks: int = 1) -> list[int]:
        """Waits until all ranks have done a step; their process ids."""

        def pids() -> list[int]:
            last = [self.lines(rank)[-1:] for rank in range(ranks)]
            return [x[0]["pid"] for x in last] if all(x and x[0]["step"] >= step for x in last) else []

        return self.wait(pids)

    def status(self, seconds: float = 120) -> int:
        """Waits for its end."""
        return self.process.wait(seconds)


def alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
