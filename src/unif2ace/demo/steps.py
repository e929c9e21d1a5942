"""Turns a function with a progress callback into an iterator over the reports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any, TypeVar

Item = TypeVar("Item")


def reported(work: Callable[[Callable[[Item], None]], Any]) -> Iterator[Item]:
    """Runs a function in its own thread, and yields its reports as they arrive.

    Args:
        work: The function. Its argument is a callback that takes a report. An exception of `work` is raised after its
            last report.

    Yields:
        The reports.
    """
    found: Queue[tuple[bool, Any]] = Queue()

    def run() -> None:
        try:
            work(lambda item: found.put((True, item)))
        except BaseException as error:  # raised in the caller's thread
            found.put((False, error))
        else:
            found.put((False, None))

    thread = threading.Thread(target=run, name="demo", daemon=True)
    thread.start()
    while True:
        more, item = found.get()
        if more:
            yield item
            continue
        thread.join()
        if item is not None:
            raise item
        return
