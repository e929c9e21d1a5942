"""The samples of each step on each rank, as a pure function of epoch and step: any step can be resumed at once.

A training step takes the next `batch_sizes` positions of each task's stream and splits them among the ranks in order.
A pass through the data visits every sample exactly once. The global steps are the same for any number of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unif2ace.data.dataset_mixture import DatasetMixture, SampleRef
from unif2ace.errors import ConfigError


class TrainOrder:
    """Samples of every training step on one rank.

    Args:
        mixture: Mixture of data sets that the samples come from.
        batch_sizes: Global batch size of each task.
        rank: Index of this process among those that read different data.
        world_size: Number of those processes.
        steps_per_epoch: Steps between two validations; by default one pass through the data.

    Raises:
        ConfigError: If a task's batch size is not a multiple of the number of processes.
    """

    def __init__(
        self,
        mixture: DatasetMixture,
        batch_sizes: Mapping[str, int],
        rank: int,
        world_size: int,
        steps_per_epoch: int | None = None,
    ) -> None:
        for task, count in batch_sizes.items():
            if count < 1 or count % world_size:
                raise ConfigError(
                    f"task.{task}.batch_size={count} cannot be dealt evenly to {world_size} processes; "
                    f"use a multiple, such as {max(1, round(count / world_size)) * world_size}"
                )
        self.mixture, self.batch_sizes, self.rank, self.world_size = (
            mixture,
            tuple(batch_sizes.values()),
            rank,
            world_size,
        )
        self.steps_per_epoch = steps_per_epoch or max(1, mixture.epoch // max(self.batch_sizes))

    def __len__(self) -> int:
        return self.steps_per_epoch

    def batch(self, epoch: int, step: int) -> list[SampleRef]:
        """Samples of a step of an epoch on this rank."""
        out = []
        for task, batch_sizes in enumerate(self.batch_sizes):
            share = batch_sizes // self.world_size
            first = (epoch * self.steps_per_epoch + step) * batch_sizes + self.rank * share
            out += [self.mixture.place(task, index) for index in range(first, first + share)]
        return out


class EvaluationOrder:
    """Every sample once for each task, in order; ranks take turns, and short ranks are padded with invalid samples.

    Args:
        lengths: Samples of each data set.
        batch_sizes: Global batch size of each task.
        rank: Index of this process among those that read different data.
        world_size: Number of those processes.
        limit: Maximum number of samples of each data set; None for all.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_sizes: Mapping[str, int],
        rank: int,
        world_size: int,
        limit: int | None = None,
    ) -> None:
        self.lengths = tuple(min(n, limit or n) for n in lengths)
        self.batch_sizes = tuple(max(1, r // world_size) for r in batch_sizes.values())
        self.rank, self.world_size = rank, world_size
        share = -(-sum(self.lengths) // world_size)
        self._batches = [(v, s, min(s + r, share)) for v, r in enumerate(self.batch_sizes) for s in range(0, share, r)]
        self._starts = np.cumsum([0, *self.lengths])

    def __len__(self) -> int:
        return len(self._batches)

    def batch(self, epoch: int, step: int) -> list[SampleRef]:
        """Samples of a step on this rank; the epoch has no effect."""
        task, first, last = self._batches[step]
        return [self._place(task, local * self.world_size + self.rank) for local in range(first, last)]

    def _place(self, task: int, index: int) -> SampleRef:
        total = int(self._starts[-1])
        at = index % total
        dataset = int(np.searchsorted(self._starts, at, side="right")) - 1
        return SampleRef(task, dataset, at - int(self._starts[dataset]), 0, index, index < total)
