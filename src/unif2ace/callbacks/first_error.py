"""Keeps the error that ended a run: an error in Lightning's clean-up may replace it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import lightning.pytorch as pl


class FirstError(pl.Callback):
    """Stores the first exception of a Trainer."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Stores the exception."""
        self.error = self.error or exception


@contextmanager
def first_error(trainer: pl.Trainer) -> Iterator[None]:
    """Raises the exception that stopped a Trainer, even if Lightning's clean-up raises another one.

    The clean-up calls ``len`` on the data loader. This call fails if the loader could not be created.

    Args:
        trainer: The Trainer whose ``fit`` or ``validate`` is called in the block.
    """
    first = FirstError()
    trainer.callbacks.insert(0, first)  # type: ignore[attr-defined]
    try:
        yield
    except Exception as error:
        if first.error is None or error is first.error:
            raise
        raise first.error from first.error.__cause__
