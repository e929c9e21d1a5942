"""Progress reports of long work: a function that the command layer turns into a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[int, int, str], None]
"""Called as ``progress(done, total, what)``: `done` counts from 0 to `total`, `what` names the step."""


def tracked(items: Sequence[T], progress: Progress | None, what: str, every: int = 1) -> Iterator[T]:
    """The items, reporting how many are done.

    Args:
        items: Items to process.
        progress: Receives the reports; None for none.
        what: Name of the step.
        every: Items between two reports.
    """
    if progress is None:
        yield from items
        return
    for done, item in enumerate(items):
        if done % every == 0:
            progress(done, len(items), what)
        yield item
    progress(len(items), len(items), what)
