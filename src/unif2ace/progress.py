"""Shows the progress of commands: as a progress bar on a terminal, and as a line every 10 s in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Advance = Callable[[int, int, str], None]
"""Function of (done, total, what): number of finished items so far, total number of items, and a description."""

_LOG_SECONDS = 10.0


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def progress(what: str, console: Console | None = None) -> Iterator[Advance]:
    """Shows the progress of a task.

    Args:
        what: Description of the task, until a call of the yielded function changes it.
        console: Output console; by default standard error.

    Yields:
        A function to call with (done, total, what).
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console, what)
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _RateColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int, now: str = what) -> None:
            bar.update(task, completed=done, total=total, description=now)

        yield advance


def _lines(console: Console, what: str) -> Advance:
    start = last = time.monotonic()

    def advance(done: int, total: int, now: str = what) -> None:
        nonlocal last
        tick = time.monotonic()
        if tick - last < _LOG_SECONDS and done < total:
            return
        last = tick
        rate = done / max(tick - start, 1e-9)
        left = f", {(total - done) / rate:,.0f} s left" if rate and done < total else ""
        console.print(f"{now}: {done:,} of {total:,} ({rate:,.0f}/s{left})", highlight=False)

    return advance
