"""Runs a function on several processes. An error on one process raises on all, so that no process waits forever."""

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
    """Rank of this process in the process group; 0 without a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def together(work: Callable[[], T]) -> T:
    """Calls a function, and waits until all processes have called it.

    Args:
        work: The function; it may have different effects on each rank.

    Returns:
        The result of `work` on this process.

    Raises:
        DataError: On all processes, if `work` failed on one process.
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
    """Gathers a small value from every process, in the order of ranks."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def _told(error: BaseException) -> DataError:
    """Turns an error into a `DataError`, which can be sent to other processes."""
    if isinstance(error, DataError):
        return type(error)(str(error))
    return DataError(f"process {rank()}: {type(error).__name__}: {error}")


@contextmanager
def one_cause() -> Iterator[None]:
    """Replaces PyTorch's `CheckpointException` by one of its errors: a full-disk error if there is one."""
    try:
        yield
    except CheckpointException as error:  # not a subclass of Exception
        causes = [pair[0] for pair in error.failures.values()]
        first = next((cause for cause in causes if is_full(cause)), causes[0])
        raise (first if isinstance(first, Exception) else RuntimeError(str(first))) from error
