"""What a step reads: shards of items with keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from unif2ace.data.shards import Sample, ShardReader
from unif2ace.data.shards.fingerprint import index_fingerprint
from unif2ace.data.shards.images import IMAGE_EXTENSIONS

Item_co = TypeVar("Item_co", covariant=True)


class StepInput(Protocol[Item_co]):
    """Shards of items. Output shard number n is made of input shard number n."""

    def __len__(self) -> int:
        """Number of shards."""

    def keys(self, shard: int) -> Sequence[str]:
        """Keys of the items of a shard, in order; unique over all shards."""

    def read(self, shard: int, place: int) -> Item_co:
        """An item; called from one thread.

        Raises:
            SampleFault: If it cannot be read; it is left out.
        """

    def describe(self) -> dict[str, Any]:
        """Fingerprints of what is read, as plain JSON."""


class ShardInput:
    """The samples of a shard folder.

    Args:
        folder: The folder, with an index.

    Raises:
        DataError: If it holds no faces, or is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self._reader = ShardReader(folder)
        numbers = np.arange(len(self._reader.index.shards) + 1)
        self._starts = np.searchsorted(self._reader.index.places["shard"], numbers).tolist()
        extensions = self._reader.index.extensions
        self._others = [e for e in extensions if e != "json" and e not in IMAGE_EXTENSIONS]

    def __len__(self) -> int:
        return len(self._reader.index.shards)

    def keys(self, shard: int) -> list[str]:
        """Keys of the samples of a shard."""
        return [self._reader.key(index) for index in range(self._starts[shard], self._starts[shard + 1])]

    def read(self, shard: int, place: int) -> Sample:
        """A sample.

        Raises:
            SampleFault: If it is faulty.
        """
        index = self._starts[shard] + place
        sample = self._reader[index]
        if not self._others:
            return sample
        row, columns = self._reader.index.places[index], self._reader.index.extensions
        there = [e for e in self._others if row[f"length{columns.index(e)}"]]
        others = {extension: self._reader.member(index, extension) for extension in there}
        return Sample(sample.key, sample.image, sample.extension, sample.metadata, others)

    def describe(self) -> dict[str, Any]:
        """The fingerprint of the folder's index."""
        return {"shards": index_fingerprint(self._reader.index)}
