"""A DataLoader that resumes at any batch, with any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from unif2ace.data.batch_sampler import ResumableBatchSampler
from unif2ace.errors import ConfigError
from unif2ace.types import Batch


class ResumableLoader(DataLoader[Any]):
    """A DataLoader whose state is the epoch and step of the next batch.

    The state does not depend on the number of workers or on prefetched batches. A run may therefore resume with another
    `num_workers`. The loader does not draw from PyTorch's global random generator.

    Args:
        dataset: Map-style data set indexed by `SampleRef`.
        batches: Batch sampler that yields the references of each step.
        collate: Collates samples into a batch.
        num_workers: Number of worker processes; 0 reads in this process.
        worker_init: Called in each worker process with the worker's index.
    """

    batch_sampler: ResumableBatchSampler

    def __init__(
        self,
        dataset: Dataset[Any],
        batches: ResumableBatchSampler,
        collate: Callable[[Sequence[Any]], Batch],
        num_workers: int = 0,
        worker_init: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(
            dataset,
            batch_sampler=batches,
            collate_fn=collate,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            worker_init_fn=worker_init,
            generator=torch.Generator(),
        )
        self._epoch = self._step = 0

    def __iter__(self) -> Any:
        self._epoch, self._step = self.batch_sampler.epoch, self.batch_sampler.start
        batches = super().__iter__()
        self.batch_sampler.start = 0  # of the next pass; workers make an iterator of the sampler twice
        return self._counted(batches)

    def _counted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._step += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Epoch and step of the next batch, and the steps per epoch, which `load_state_dict` compares."""
        return {"epoch": self._epoch, "step": self._step, "steps_per_epoch": len(self.batch_sampler)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Starts the next pass at the saved step. A state saved at the end of an epoch starts the next epoch.

        Raises:
            ConfigError: If the steps per epoch changed, i.e. the data, batch sizes or weights are different.
        """
        batches = self.batch_sampler
        if state.get("steps_per_epoch") != len(batches):
            raise ConfigError(
                f"cannot resume: the checkpoint has {state.get('steps_per_epoch')} steps per epoch, this run has "
                f"{len(batches)}. Restore data.steps_per_epoch, the data sets, their weights and task.*.batch_size, "
                "or start a new run"
            )
        batches.epoch, batches.start = state["epoch"], state["step"]
        if batches.start == len(batches):  # saved after an epoch's last step: continue with the next epoch
            batches.epoch, batches.start = batches.epoch + 1, 0
        self._epoch, self._step = batches.epoch, batches.start
