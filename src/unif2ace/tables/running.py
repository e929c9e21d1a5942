"""Runs the cells of a table. Every command of a cell runs in a separate process."""

from __future__ import annotations

import json
import logging
import os
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unif2ace.data.atomic import replacing
from unif2ace.data.output_lock import output_lock
from unif2ace.errors import ConfigError
from unif2ace.tables.definition import TableCell, TableDefinition, last_of_each

log = logging.getLogger(__name__)
STATE, OUTPUT = "cell.json", "cell.log"
Status = Literal["done", "failed", "running", "missing"]
FORWARDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that a cluster sends before it ends a job. A training then saves a checkpoint."""
APPS = {"unif2ace-train": "train", "unif2ace-evaluate": "evaluate", "unif2ace-data": "data"}


@dataclass(frozen=True, slots=True)
class CellState:
    """State of a cell.

    Attributes:
        status: ``done``, ``failed``, ``running`` in another process, or ``missing``.
        error: Error of a failed cell in one line; empty otherwise.
        seconds: Wall time of a done or failed cell in seconds; else None.
        cpu_seconds: CPU time of a done or failed cell's commands in seconds; else None.
    """

    status: Status
    error: str = ""
    seconds: float | None = None
    cpu_seconds: float | None = None


def commands(table: TableDefinition, cell: TableCell, width: str) -> list[list[str]]:
    """The commands of a cell, each as a list of words.

    Args:
        table: The table.
        cell: The cell.
        width: Override of the width that matches another row's FLOPs; empty for none.
    """
    row, found = cell.row, list[list[str]]()
    if row.kind == "trained":
        places = [f"run_dir={cell.folder}", f"seed={cell.seed}", "resume=auto"]
        words = last_of_each(table.size.train, row.overrides, [width] if width else [], places)
        found.append(["unif2ace-train", *words])
    if table.evaluated or row.kind == "outputs":
        what = f"outputs={row.outputs}" if row.outputs else f"ckpt={row.ckpt or cell.folder}"
        out = f"out={cell.folder / 'evaluation'}"
        found.append(["unif2ace-evaluate", what, *last_of_each(table.size.evaluate, row.evaluate, [out])])
    return found


def state_of(cell: TableCell) -> CellState:
    """Reads the state of a cell from its folder."""
    tree = _read(cell.folder)
    if tree.get("status") in ("done", "failed"):
        return CellState(tree["status"], tree.get("error") or "", tree.get("seconds"), tree.get("cpu_seconds"))
    return CellState("running" if tree and _is_held(cell) else "missing")


def check_unchanged(cell: TableCell, lines: Sequence[Sequence[str]]) -> None:
    """Checks that a cell's folder was made by the same commands.

    Args:
        cell: The cell.
        lines: Commands of the cell.

    Raises:
        ConfigError: If the commands differ. The message names the first difference.
    """
    before = _read(cell.folder).get("commands")
    now = [list(line) for line in lines]
    if before is None or before == now:
        return
    old, new = ({word for line in some for word in line} for some in (before, now))
    apart = next(iter([*sorted(new - old), *sorted(old - new)]), "the order of the overrides")
    raise ConfigError(
        f"{cell.folder} was made with other settings ({apart}): give another out=..., or remove the folder"
    )


def run_cell(cell: TableCell, lines: Sequence[Sequence[str]]) -> CellState:
    """Runs the commands of a cell, unless the cell is done or another process runs it.

    Args:
        cell: The cell.
        lines: Commands of the cell.

    Returns:
        The state of the cell after the call.
    """
    if state_of(cell).status == "done":
        return state_of(cell)
    try:
        with output_lock(cell.folder, "out", single=True):
            return _run(cell, lines)
    except ConfigError as error:
        if not _is_held(cell):
            raise
        log.info("%s: %s", cell.title, error)
        return CellState("running")


def _run(cell: TableCell, lines: Sequence[Sequence[str]]) -> CellState:
    start, cpu = time.monotonic(), _cpu_seconds()
    cell.folder.mkdir(parents=True, exist_ok=True)
    tree: dict[str, Any] = {"status": "started", "commands": [list(line) for line in lines]}
    earlier = _read(cell.folder)
    before, cpu_before = float(earlier.get("seconds") or 0), float(earlier.get("cpu_seconds") or 0)

    def spent() -> dict[str, float]:
        """Time of this call plus the time of earlier, interrupted calls."""
        seconds, used = time.monotonic() - start, _cpu_seconds() - cpu
        return {"seconds": round(before + seconds, 1), "cpu_seconds": round(cpu_before + used, 1)}

    _write(cell.folder, {**tree, **spent()})
    error = ""
    try:
        for line in lines:
            if error := run_line(line, cell.folder / OUTPUT):
                break
    except BaseException:
        _write(cell.folder, {**tree, **spent()})
        raise
    _write(cell.folder, {**tree, "status": "failed" if error else "done", "error": error, **spent()})
    return state_of(cell)


def _cpu_seconds() -> float:
    """CPU time in seconds of all finished child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_line(line: Sequence[str], output: Path) -> str:
    """Runs a command of this package in a separate process.

    Args:
        line: The command as a list of words.
        output: Log file to which the command's output is appended.

    Returns:
        The error of a failed command in one line; empty if the command succeeded.

    Raises:
        SystemExit: If this process received one of the `FORWARDED` signals. The signal was passed on, and the command
            has ended.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as file:
        file.write(f"$ {shlex.join(line)}\n".encode())
        file.flush()
        begin = file.tell()
        child = subprocess.Popen(process_of(line), stdout=file, stderr=subprocess.STDOUT)
        with _forwarding(child) as received:
            code = child.wait()
    if received:
        raise SystemExit(128 + received[0])
    if code == 130:
        raise KeyboardInterrupt
    return "" if code == 0 else _last_line(output, begin) or f"the command ended with exit status {code}"


def process_of(line: Sequence[str]) -> list[str]:
    """The process arguments that run a command of this package with the current Python interpreter.

    Args:
        line: The command as a list of words.
    """
    return [sys.executable, "-m", f"unif2ace.commands.{APPS[line[0]]}", *line[1:]]


@contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Forwards the `FORWARDED` signals to a child process, and collects the received signals in the yielded list."""
    received: list[int] = []

    def forward(number: int, _: object) -> None:
        received.append(number)
        child.send_signal(number)

    main = threading.current_thread() is threading.main_thread()  # other threads cannot set handlers
    before = {number: signal.signal(number, forward) for number in FORWARDED if main}
    try:
        yield received
    except BaseException:
        child.send_signal(signal.SIGINT)
        child.wait()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_line(output: Path, begin: int) -> str:
    with output.open("rb") as file:
        file.seek(begin)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or [""])[-1][:300]


def _is_held(cell: TableCell) -> bool:
    """Whether another process runs a cell."""
    try:
        with output_lock(cell.folder, "out", single=True):
            return False
    except ConfigError:
        return os.access(cell.folder.parent, os.W_OK)


def _read(folder: Path) -> dict[str, Any]:
    file = folder / STATE
    if not file.is_file():
        return {}
    tree: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return tree


def _write(folder: Path, tree: dict[str, Any]) -> None:
    with replacing(folder / STATE) as file:
        file.write((json.dumps(tree, indent=1) + "\n").encode())
