"""A batch order as the batch sampler of a `ResumableLoader`."""

from __future__ import annotations

from collections.abc import Iterator

from unif2ace.data.batch_order import EvaluationOrder, TrainOrder
from unif2ace.data.dataset_mixture import SampleRef


class ResumableBatchSampler:
    """Yields the samples of each step, one epoch per pass; a pass can start at any step.

    Args:
        order: Determines the samples of each step.

    Attributes:
        epoch: Epoch of the next pass.
        start: First step of the next pass; later passes start at 0.
    """

    def __init__(self, order: TrainOrder | EvaluationOrder) -> None:
        self.order = order
        self.epoch = self.start = 0

    @property
    def sampler(self) -> ResumableBatchSampler:
        """This object: Lightning calls `batch_sampler.sampler.set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[list[SampleRef]]:
        return self._steps(self.epoch, self.start)  # read now: the Trainer may set another epoch before the first batch

    def _steps(self, epoch: int, start: int) -> Iterator[list[SampleRef]]:
        for step in range(start, len(self)):
            yield self.order.batch(epoch, step)
        self.epoch = epoch + 1
