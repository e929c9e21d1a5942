"""Start-up time of `unif2ace-generate`: seconds until the first face, and until the help.

Each command runs in a new process, with its files in the page cache. The commands alternate over several rounds.
Medians of wall time and CPU time are reported. `import torch` is measured too, as a lower bound for any PyTorch
program.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

COMMAND = "python -m benchmarks start"
ROUNDS = 3
FACE, HELP, TORCH = "first face", "--help", "import torch"
TARGETS = {FACE: "<= 5", HELP: "<= 1", TORCH: ""}


def main() -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command."""
    with tempfile.TemporaryDirectory() as folder:
        module = [sys.executable, "-m", "unif2ace.commands.generate"]
        commands = {
            FACE: [*module, "A smiling woman.", f"out={folder}"],
            HELP: [*module, "--help"],
            TORCH: [sys.executable, "-c", "import torch"],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for turn in range(ROUNDS + 1):
            for name, command in commands.items():
                found = _seconds(command)
                if turn:  # the first fills the page cache
                    times[name].append(found)
    rows = []
    for name, pairs in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
        rows += [_row(name, wall, "s", TARGETS[name]), _row(f"{name}, CPU time", cpu, "CPU s")]
    return rows


def _row(figure: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}


def _seconds(command: list[str]) -> tuple[float, float]:
    """Wall time and CPU time of a process in seconds, with the default number of threads."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    for row in main():
        print(f"{row['figure']}: {row['value']:.3g} {row['unit']} {row['target']}")
