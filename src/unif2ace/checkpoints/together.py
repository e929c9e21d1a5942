"""Work of several processes that fails on all if it fails on one, so that no process waits forever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch.distributed as dist
from torch.distributed.checkpoint.api import CheckpointException

from unif2ace.checkpoints.writing import is_full
from unif2ace.errors import DataError

T = TypeVar("T")


def rank() -> int:
    """Rank of this process among those that save together; 0 without a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def together(work: Callable[[], T]) -> T:
    """Runs the work on every process.

    Returns:
        This process's result.

    Raises:
        DataError: On all processes, if the work of one failed.
    """
    result: T | None = None
    failure: DataError | None = None
    try:
        result = work()
    except Exception as error:
        failure = _told(error)
    for told in gathered(failure):
        if told is not None:
            raise told
    return cast(T, result)


def gathered(value: T) -> list[T]:
    """A small value of every process, by rank."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def _told(error: BaseException) -> DataError:
    """An error in a form that can be sent to other processes."""
    if isinstance(error, DataError):
        return type(error)(str(error))
    return DataError(f"process {rank()}: {type(error).__name__}: {error}")


@contextmanager
def one_cause() -> Iterator[None]:
    """Turns torch's collection of errors per process into one of them, preferring a full disk."""
    try:
        yield
    except CheckpointException as error:  # not a subclass of Exception
        causes = [pair[0] for pair in error.failures.values()]
        first = next((cause for cause in causes if is_full(cause)), causes[0])
        raise (first if isinstance(first, Exception) else RuntimeError(str(first))) from error
