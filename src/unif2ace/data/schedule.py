"""Which sample stands in which row of which step, as a pure function: no state, so any step can be resumed at once.

A view (say, text-to-image) draws from an endless stream. Place g of the stream is given to one data set by a fixed
interleaving in proportion to the weights; each data set is passed through again and again, every pass a new
permutation keyed by (seed, view, data set, pass). A step takes the next `rows` places and deals them to the ranks in
order: nothing is dropped or seen twice within a pass, and the stream is the same under any number of ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.permutation import permutation
from unif2ace.errors import ConfigError

_PATTERN = 1000  # places after which the interleaving of data sets repeats: weights are exact to a tenth of a percent


class RowRef(NamedTuple):
    """Where a row comes from.

    Attributes:
        view: Number of the view, in the order of the configuration.
        dataset: Number of the data set, likewise.
        sample: Place in the data set.
        cycle: How often the data set was passed through before.
        position: Place in the view's stream; the key of the row's randomness.
        valid: False if the row only fills up a rank.
    """

    view: int
    dataset: int
    sample: int
    cycle: int
    position: int
    valid: bool = True


class Mixture:
    """Deals an endless stream of places to data sets in proportion to their weights.

    Args:
        lengths: Samples of each data set, at least 1.
        weights: Shares; they need not sum to 1.
        seed: Key of the permutations, together with the view and the pass.

    Raises:
        ConfigError: If there is no data set, one is empty, or a weight is not positive.
    """

    def __init__(self, lengths: Sequence[int], weights: Sequence[float], seed: int) -> None:
        if not lengths or min(lengths) < 1:
            raise ConfigError(
                f"data sets of {list(lengths)} samples: each needs at least one; select one with dataset=[...]"
            )
        if min(weights) <= 0:
            raise ConfigError(
                f"data set weights are {list(weights)}; each must be positive: drop a data set to leave it out"
            )
        self.lengths, self.seed = tuple(lengths), seed
        self.pattern = _interleave(np.asarray(weights, float) / sum(weights))
        hits = self.pattern[:, None] == np.arange(len(lengths))
        self._before = np.vstack([np.zeros((1, len(lengths)), int), np.cumsum(hits, axis=0)])

    def place(self, view: int, index: int) -> RowRef:
        """The row at a place of a view's stream."""
        block, offset = divmod(index, len(self.pattern))
        dataset = int(self.pattern[offset])
        local = block * int(self._before[-1, dataset]) + int(self._before[offset, dataset])
        cycle, position = divmod(local, self.lengths[dataset])
        order = _permutation(self.lengths[dataset], self.seed, view, dataset, cycle)
        return RowRef(view, dataset, int(order[position]), cycle, index)

    @property
    def epoch(self) -> int:
        """Places after which every data set was passed through at least once."""
        if len(self.lengths) == 1:
            return self.lengths[0]
        shares = self._before[-1] / len(self.pattern)
        return int(np.ceil(max(n / s for n, s in zip(self.lengths, shares, strict=True))))


def _interleave(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Data set of each place of one pattern: always the one furthest behind its share."""
    if len(shares) == 1:
        return np.zeros(1, np.int64)
    given = np.zeros(len(shares))
    out = np.empty(_PATTERN, np.int64)
    for place in range(_PATTERN):
        out[place] = np.argmax(shares * (place + 1) - given)
        given[out[place]] += 1
    if given.min() == 0:
        raise ConfigError(
            f"data set weights {shares.tolist()}: the smallest is under 0.1 % of the whole; raise or drop it"
        )
    return out


_permutation = lru_cache(maxsize=16)(permutation)


class TrainSchedule:
    """Rows of every training step on one rank.

    Args:
        mixture: What the rows are drawn from.
        rows: Global rows per step of each view.
        rank: This process among those that see different data.
        world_size: Number of those processes.
        steps_per_epoch: Steps between two validations; by default one pass through the data.

    Raises:
        ConfigError: If a view's rows cannot be dealt evenly to the ranks.
    """

    def __init__(
        self, mixture: Mixture, rows: Mapping[str, int], rank: int, world_size: int, steps_per_epoch: int | None = None
    ) -> None:
        for view, count in rows.items():
            if count < 1 or count % world_size:
                raise ConfigError(
                    f"view.{view}.rows={count} cannot be dealt evenly to {world_size} processes; "
                    f"use a multiple, such as {max(1, round(count / world_size)) * world_size}"
                )
        self.mixture, self.rows, self.rank, self.world_size = mixture, tuple(rows.values()), rank, world_size
        self.steps_per_epoch = steps_per_epoch or max(1, mixture.epoch // max(self.rows))

    def __len__(self) -> int:
        return self.steps_per_epoch

    def batch(self, epoch: int, step: int) -> list[RowRef]:
        """Rows of a step of an epoch on this rank."""
        out = []
        for view, rows in enumerate(self.rows):
            share = rows // self.world_size
            first = (epoch * self.steps_per_epoch + step) * rows + self.rank * share
            out += [self.mixture.place(view, index) for index in range(first, first + share)]
        return out


class EvaluationSchedule:
    """Every sample once for each view, in order; ranks take turns, and short ranks are filled up with invalid rows.

    Args:
        lengths: Samples of each data set.
        rows: Global rows per step of each view.
        rank: This process among those that see different data.
        world_size: Number of those processes.
        limit: At most so many samples of each data set, or None for all.
    """

    def __init__(
        self, lengths: Sequence[int], rows: Mapping[str, int], rank: int, world_size: int, limit: int | None = None
    ) -> None:
        self.lengths = tuple(min(n, limit or n) for n in lengths)
        self.rows = tuple(max(1, r // world_size) for r in rows.values())
        self.rank, self.world_size = rank, world_size
        share = -(-sum(self.lengths) // world_size)
        self._batches = [(v, s, min(s + r, share)) for v, r in enumerate(self.rows) for s in range(0, share, r)]
        self._starts = np.cumsum([0, *self.lengths])

    def __len__(self) -> int:
        return len(self._batches)

    def batch(self, epoch: int, step: int) -> list[RowRef]:
        """Rows of a step on this rank; the epoch changes nothing."""
        view, first, last = self._batches[step]
        return [self._place(view, local * self.world_size + self.rank) for local in range(first, last)]

    def _place(self, view: int, index: int) -> RowRef:
        total = int(self._starts[-1])
        at = index % total
        dataset = int(np.searchsorted(self._starts, at, side="right")) - 1
        return RowRef(view, dataset, at - int(self._starts[dataset]), 0, index, index < total)


class ScheduleSampler:
    """A schedule as the batch sampler of a StatefulDataLoader: its iterator saves and restores its place.

    Args:
        schedule: What to read.
    """

    def __init__(self, schedule: TrainSchedule | EvaluationSchedule) -> None:
        self.schedule = schedule
        self.epoch = 0

    @property
    def sampler(self) -> ScheduleSampler:
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
    def __init__(self, sampler: ScheduleSampler) -> None:
        self._sampler, self._epoch, self._step = sampler, sampler.epoch, 0

    def __iter__(self) -> Iterator[list[RowRef]]:
        return self

    def __next__(self) -> list[RowRef]:
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
                "the data set, its weights or view.*.rows were changed; restore them, or start a new run"
            )
        self._epoch, self._step = state["epoch"], state["step"]
        if self._step == len(self._sampler):  # saved after an epoch's last step: what follows is the next epoch
            self._epoch, self._step = self._epoch + 1, 0
        self._sampler.epoch = self._epoch
