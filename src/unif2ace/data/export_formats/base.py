"""Base class of export formats, and `Export`, which writes all splits of a data set in one format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unif2ace.data.shards import Progress, Sample, SampleFault, ShardReader, has_index, tracked
from unif2ace.errors import DataError

SPLITS = ("train", "val")


class ExportFormat(ABC):
    """Base class of export formats. Image files and texts are written unchanged.

    Attributes:
        name: Name of the format.
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
        """Command line that imports an exported split."""

    @property
    def data_files(self) -> str:
        """File pattern of a split for the data card; ``{split}`` is replaced by the split's name."""
        return "{split}/*"

    def check(self) -> None:  # noqa: B027 - most formats need nothing
        """Checks that the required packages are installed."""


class Export:
    """Writes all splits of a data set in one format.

    Args:
        folder: A data set with ``train`` and ``val``, or one folder of shards.
        form: Format to write.

    Raises:
        ConfigError: If a package that the format requires is not installed.
        DataError: If there are no shards.
    """

    def __init__(self, folder: str | Path, form: ExportFormat) -> None:
        form.check()
        self._form = form
        self._readers = open_splits(Path(folder))
        self.faults: list[SampleFault] = []

    def write(self, out: str | Path, progress: Progress | None = None) -> dict[str, int]:
        """Writes the splits. Unreadable samples are left out and listed in `faults`.

        Args:
            out: Output folder, empty or missing.
            progress: Called every 64 samples.

        Returns:
            Number of samples in each split.

        Raises:
            DataError: If the output folder is not empty, or no sample can be read.
        """
        out = Path(out)
        if out.is_dir() and (there := sorted(p.name for p in out.iterdir() if not p.name.startswith("."))):
            raise DataError(f"out={out} is not empty ({', '.join(there[:4])}): remove it, or give another folder")
        counts = {}
        for split, reader in self._readers.items():
            before = len(self.faults)
            self._form.write(self._samples(reader, split, progress), out, split)
            counts[split] = len(reader) - len(self.faults) + before
        if not sum(counts.values()):
            raise DataError(f"no sample can be read; fix the faults, the first: {self.faults[0]}")
        return counts

    def _samples(self, reader: ShardReader, split: str, progress: Progress | None) -> Iterator[Sample]:
        for index in tracked(range(len(reader)), progress, f"{split}: pictures and texts", every=64):
            try:
                yield reader[index]
            except SampleFault as fault:
                self.faults.append(fault)


def open_splits(folder: Path) -> dict[str, ShardReader]:
    """Readers of a data set's splits by name. For a shard folder: one reader, named after the folder.

    Raises:
        DataError: If there are no shards.
    """
    if has_index(folder):
        return {folder.resolve().name: ShardReader(folder)}
    found = {split: ShardReader(folder / split) for split in SPLITS if has_index(folder / split)}
    if not found:
        raise DataError(f"folder={folder}: neither it nor its subfolders train and val hold shards with an index")
    return found


def told(sample: Sample) -> dict[str, Any]:
    """Entries of an exported row besides texts and attributes: identity, license and provenance."""
    data = sample.metadata
    return {
        "identity": data.identity,
        "license": data.license,
        "provenance": {"source": data.source, **data.provenance},
    }


def all_captions(sample: Sample) -> list[str]:
    """The main caption if there is one, then the further captions."""
    return [*filter(None, (sample.metadata.caption,)), *sample.metadata.captions]
