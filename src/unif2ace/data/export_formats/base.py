"""What an export writes, and what is common to all: the splits, faults, and the command that reads the result back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unif2ace.data.shards import Progress, Sample, SampleFault, ShardReader, has_index, tracked
from unif2ace.errors import DataError

SPLITS = ("train", "val")


class ExportFormat(ABC):
    """A format of other projects. Pictures are written byte for byte, texts word for word.

    Attributes:
        name: Its name.
    """

    name: str

    @abstractmethod
    def write(self, samples: Iterator[Sample], out: Path, split: str) -> None:
        """Writes one split.

        Args:
            samples: The samples in order.
            out: Output folder of all splits.
            split: Name of the split.
        """

    @abstractmethod
    def read_back(self, out: Path, split: str) -> str:
        """The command that imports a split again."""

    @property
    def data_files(self) -> str:
        """Pattern of the files of a split, for the data card; ``{split}`` stands for its name."""
        return "{split}/*"

    def check(self) -> None:  # noqa: B027 - most formats need nothing
        """Checks that what the format needs is installed, before any work."""


class Export:
    """Writes all splits of a data set in a format.

    Args:
        folder: A data set with ``train`` and ``val``, or one folder of shards.
        form: The format.

    Raises:
        ConfigError: If a package is missing.
        DataError: If there are no shards.
    """

    def __init__(self, folder: str | Path, form: ExportFormat) -> None:
        form.check()
        self._form = form
        self._readers = open_splits(Path(folder))
        self.faults: list[SampleFault] = []

    def write(self, out: str | Path, progress: Progress | None = None) -> dict[str, int]:
        """Writes the splits; samples that cannot be read are left out and listed in `faults`.

        Args:
            out: Output folder, empty or missing.
            progress: Called every few samples.

        Returns:
            Number of samples in each split.

        Raises:
            DataError: If the folder holds something, or no sample can be read.
        """
        out = Path(out)
        if out.is_dir() and (there := sorted(p.name for p in out.iterdir() if not p.name.startswith("."))):
            raise DataError(f"out={out} holds {', '.join(there[:4])}: remove it, or give another folder")
        counts = {}
        for split, reader in self._readers.items():
            before = len(self.faults)
            self._form.write(self._samples(reader, split, progress), out, split)
            counts[split] = len(reader) - len(self.faults) + before
        if not sum(counts.values()):
            raise DataError(f"no sample can be read; the first: {self.faults[0]}")
        return counts

    def _samples(self, reader: ShardReader, split: str, progress: Progress | None) -> Iterator[Sample]:
        for index in tracked(range(len(reader)), progress, f"{split}: pictures and texts", every=64):
            try:
                yield reader[index]
            except SampleFault as fault:
                self.faults.append(fault)


def open_splits(folder: Path) -> dict[str, ShardReader]:
    """Readers of a data set's splits; of a folder of shards one, under the folder's name.

    Raises:
        DataError: If there are no shards.
    """
    if has_index(folder):
        return {folder.resolve().name: ShardReader(folder)}
    found = {split: ShardReader(folder / split) for split in SPLITS if has_index(folder / split)}
    if not found:
        raise DataError(f"folder={folder} holds no shards with an index, nor do its sub-folders train and val")
    return found


def told(sample: Sample) -> dict[str, Any]:
    """What a row says besides texts and attributes: person, license, source and origin."""
    data = sample.metadata
    return {
        "identity": data.identity,
        "license": data.license,
        "provenance": {"source": data.source, **data.provenance},
    }


def all_captions(sample: Sample) -> list[str]:
    """The main caption, then the others."""
    return [*filter(None, (sample.metadata.caption,)), *sample.metadata.captions]
