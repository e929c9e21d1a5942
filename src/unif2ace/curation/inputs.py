"""The input of a step: shards of items with keys."""

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
    """Shards of items. A step makes output shard n from input shard n."""

    def __len__(self) -> int:
        """Number of shards."""

    def keys(self, shard: int) -> Sequence[str]:
        """Keys of the items in shard number `shard`, in order. Keys are unique over all shards."""

    def read(self, shard: int, place: int) -> Item_co:
        """Item number `place` of a shard. Called from one thread only.

        Raises:
            SampleFault: If the item cannot be read. The run then leaves the item out.
        """

    def describe(self) -> dict[str, Any]:
        """Fingerprints of the input as plain JSON."""


class ShardInput:
    """The samples of a shard folder.

    Args:
        folder: A shard folder with an index.

    Raises:
        DataError: If the folder holds no faces, or is damaged.
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
        """Sample number `place` of a shard.

        Raises:
            SampleFault: If the sample cannot be read.
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
