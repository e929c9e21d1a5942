"""Turns a function that reports its progress into an iterator of the reports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any, TypeVar

Item = TypeVar("Item")


def reported(work: Callable[[Callable[[Item], None]], Any]) -> Iterator[Item]:
    """What a function reports, as it comes; the function runs in a thread of its own.

    Args:
        work: Called with the function that takes a report. Its exception is raised here after the last report.

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
