"""Progress reports of long-running functions; the commands show them as a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[int, int, str], None]
"""Called as ``progress(done, total, what)``: `done` runs from 0 to `total`, `what` names the step."""


def tracked(items: Sequence[T], progress: Progress | None, what: str, every: int = 1) -> Iterator[T]:
    """Yields the items and reports the number already processed.

    Args:
        items: Items to process.
        progress: Function that receives the reports; None reports nothing.
        what: Name of the step.
        every: Number of items between two reports.
    """
    if progress is None:
        yield from items
        return
    for done, item in enumerate(items):
        if done % every == 0:
            progress(done, len(items), what)
        yield item
    progress(len(items), len(items), what)
