"""A schedule as the batch sampler of a StatefulDataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unif2ace.data.batch_order import EvaluationOrder, TrainOrder
from unif2ace.data.dataset_mixture import SampleRef
from unif2ace.errors import ConfigError


class ResumableBatchSampler:
    """Gives a schedule's steps, epoch after epoch; its iterator saves and restores its place.

    Args:
        schedule: What to read.
    """

    def __init__(self, schedule: TrainOrder | EvaluationOrder) -> None:
        self.schedule = schedule
        self.epoch = 0

    @property
    def sampler(self) -> ResumableBatchSampler:
        """Itself: the Trainer looks here for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch that the next iteration reads."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.schedule)

    def __iter__(self) -> _Place:
        return _Place(self)


class _Place:
    def __init__(self, sampler: ResumableBatchSampler) -> None:
        self._sampler, self._epoch, self._step = sampler, sampler.epoch, 0

    def __iter__(self) -> Iterator[list[SampleRef]]:
        return self

    def __next__(self) -> list[SampleRef]:
        if self._step >= len(self._sampler):
            self._sampler.epoch = self._epoch + 1
            raise StopIteration
        self._step += 1
        return self._sampler.schedule.batch(self._epoch, self._step - 1)

    def state_dict(self) -> dict[str, Any]:
        """The place, and what it counts in, so that a changed schedule is noticed."""
        return {"epoch": self._epoch, "step": self._step, "steps_per_epoch": len(self._sampler)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes to a saved place; the end of an epoch is the start of the next.

        Raises:
            ConfigError: If an epoch has another number of steps now: data, rows or weights were changed.
        """
        if state["steps_per_epoch"] != len(self._sampler):
            raise ConfigError(
                f"the saved place counts {state['steps_per_epoch']} steps per epoch, "
                f"the data now gives {len(self._sampler)}: "
                "data.steps_per_epoch, the data set, its weights or task.*.batch_size were changed; "
                "restore them, or start a new run"
            )
        self._epoch, self._step = state["epoch"], state["step"]
        if self._step == len(self._sampler):  # saved after an epoch's last step: what follows is the next epoch
            self._epoch, self._step = self._epoch + 1, 0
        self._sampler.epoch = self._epoch
