"""In which order samples are drawn, as a pure function of (seed, epoch, position).

The order of an epoch is one global sequence; with `world_size` ranks, rank `r` draws the positions ``r``,
``r + world_size``, ... of it. So at equal global batch size the same samples meet in the same step under any number of
ranks, and a run may go on with another number of ranks from the global position it had reached.

The shuffle sorts the samples by SplitMix64 hashes (Steele, Lea and Flood, 2014) keyed by (seed, epoch): every
permutation is as likely, and unlike a library's shuffle it cannot change between versions. A million samples take
about 0.1 s and 8 MB for each epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from unif2ace.errors import DataError

BLOCK: Final = 1024


@dataclass(frozen=True, slots=True)
class Draw:
    """One drawn sample: its index, the epoch, and whether it counts or only fills up the last row of ranks."""

    index: int
    epoch: int
    valid: bool


class EpochOrder:
    """The draws of one rank, epoch after epoch; iterating gives the rest of the current epoch.

    When an iteration ends, the next epoch begins. Where nothing is left to draw (a state saved at an epoch's end),
    iterating begins the next epoch too. An iteration that was broken off is gone on with: `set_epoch` begins anew.

    Args:
        num_samples: Number of samples, at least `world_size` for training.
        seed: Of the shuffle.
        rank: Which of the data-parallel ranks this is.
        world_size: How many data-parallel ranks there are (not processes: tensor-parallel ranks draw alike).
        mode: ``train`` shuffles and leaves out fewer than `world_size` samples an epoch so that all ranks draw as many;
            ``evaluate`` keeps the order and fills up with draws marked invalid.
        shuffle: Overrides whether the order is shuffled.

    Raises:
        DataError: If there are too few samples or rank and world size do not fit.
    """

    def __init__(
        self,
        num_samples: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        *,
        mode: Literal["train", "evaluate"] = "train",
        shuffle: bool | None = None,
    ) -> None:
        if not 0 <= rank < world_size:
            raise DataError(f"rank={rank}, world_size={world_size}: a rank lies between 0 and world_size - 1")
        least = world_size if mode == "train" else 1
        if num_samples < least:
            raise DataError(
                f"{num_samples} samples are too few for {world_size} data-parallel ranks, use {least} or more"
            )
        self.num_samples, self.seed, self.rank, self.world_size = num_samples, seed, rank, world_size
        self.mode, self.shuffle = mode, mode == "train" if shuffle is None else shuffle
        self.epoch = 0
        self.position = 0  # in the global sequence, of rank 0's next draw
        self._shuffled: tuple[int, NDArray[np.int64]] | None = None  # epoch and its permutation

    def __len__(self) -> int:
        """Draws of this rank in a whole epoch, the same on each rank."""
        return self._draws_from(0)

    @property
    def remaining(self) -> int:
        """Draws of this rank that are left in the current epoch."""
        return self._draws_from(self.position)

    def __iter__(self) -> Iterator[Draw]:
        if not self.remaining:
            self.set_epoch(self.epoch + 1)
        epoch = self.epoch
        while count := min(BLOCK, self.remaining):
            positions = self.position + self.rank + self.world_size * np.arange(count)
            for index, position in zip(self.indices(positions, epoch).tolist(), positions.tolist(), strict=True):
                self.position += self.world_size
                yield Draw(index, epoch, position < self.num_samples)
        self.set_epoch(epoch + 1)

    def indices(self, positions: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """The samples at positions of an epoch's global sequence; beyond its end it begins again."""
        inside = positions % self.num_samples
        if not self.shuffle:
            return inside
        if self._shuffled is None or self._shuffled[0] != epoch:
            self._shuffled = epoch, permutation(self.num_samples, self.seed, epoch)
        return self._shuffled[1][inside]

    def set_epoch(self, epoch: int) -> None:
        """Goes to the start of an epoch."""
        self.epoch, self.position = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Where the draws stand: the same on every rank after the same number of draws."""
        return {"epoch": self.epoch, "position": self.position, "seed": self.seed, "num_samples": self.num_samples}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a saved state, at once and under any number of ranks.

        Raises:
            DataError: If the state belongs to another seed or number of samples, whose order is another one.
        """
        for name in ("seed", "num_samples"):
            if state[name] != getattr(self, name):
                was, now = state[name], getattr(self, name)
                raise DataError(f"the saved order had {name}={was}, this run has {now}: the order would be another one")
        self.epoch, self.position = int(state["epoch"]), int(state["position"])

    def _draws_from(self, position: int) -> int:
        left = max(self.num_samples - position, 0)
        return left // self.world_size if self.mode == "train" else -(-left // self.world_size)


def permutation(num_samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of a shuffled epoch.

    Args:
        num_samples: Number of samples.
        seed: Of the shuffle.
        epoch: Each epoch has its own order.

    Returns:
        A permutation of ``range(num_samples)``.
    """
    key = _mixed(_mixed(np.array([seed % 2**64], np.uint64)) ^ np.array([epoch], np.uint64))
    return np.argsort(_mixed(key ^ np.arange(num_samples, dtype=np.uint64)), kind="stable")


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output function; arithmetic is modulo 2**64."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
