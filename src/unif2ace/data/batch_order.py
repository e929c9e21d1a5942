"""Samples of each step on each rank, computed from epoch and step alone, so that a run can resume at any step.

A training step takes the next B positions of each task's stream, where B is the task's global batch size, and splits
them among the ranks in order. A pass through a data set visits every sample exactly once. A global step has the same
samples for any number of ranks.
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
        rank: Data-parallel rank of this process.
        world_size: Number of data-parallel ranks.
        steps_per_epoch: Training steps between two validations; None for one pass through the data.

    Raises:
        ConfigError: If a task's batch size is not a multiple of `world_size`.
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
                    f"task.{task}.batch_size={count} is no positive multiple of {world_size}, the number of processes; "
                    f"set a multiple, such as {max(1, round(count / world_size)) * world_size}"
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
        """Samples of one step on this rank."""
        out = []
        for task, batch_sizes in enumerate(self.batch_sizes):
            share = batch_sizes // self.world_size
            first = (epoch * self.steps_per_epoch + step) * batch_sizes + self.rank * share
            out += [self.mixture.place(task, index) for index in range(first, first + share)]
        return out


class EvaluationOrder:
    """Every sample once per task, in order. Rank r gets samples r, r + world_size, ...; padding is marked invalid.

    Args:
        lengths: Number of samples of each data set.
        batch_sizes: Global batch size of each task.
        rank: Data-parallel rank of this process.
        world_size: Number of data-parallel ranks.
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
