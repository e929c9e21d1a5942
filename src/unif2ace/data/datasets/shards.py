"""Any folder of shards: what `unif2ace-data build` and `import` write, or plain WebDataset shards with an index."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unif2ace.data.shards import ShardReader
from unif2ace.data.shards.index import INDEX_NAME
from unif2ace.errors import DataError, nearest

Split = Literal["train", "val"]


class ShardDataset:
    """A folder of shards with the splits ``train`` and ``val`` as sub-folders, or of training shards alone.

    Args:
        folder: The folder.
        weight: Its share of the training rows, relative to the other data sets'.
        strict: Whether a bad shard is an error; otherwise it is left out and counted.
    """

    def __init__(self, folder: str | Path, weight: float = 1.0, strict: bool = True) -> None:
        self.folder, self.weight, self.strict = Path(folder), weight, strict

    def prepare(self) -> None:
        """Makes what is missing; called once per machine before `open`."""

    def open(self, split: Split) -> ShardReader | None:
        """The reader of a split; None if the data set has no such split.

        Raises:
            DataError: If the folder or its index is missing.
        """
        folder = self.folder / split
        if (folder / INDEX_NAME).is_file():
            return ShardReader(folder, strict=self.strict)
        if (self.folder / INDEX_NAME).is_file():
            return ShardReader(self.folder, strict=self.strict) if split == "train" else None
        if (self.folder / "train" / INDEX_NAME).is_file():
            return None
        raise DataError(self._why())

    def _why(self) -> str:
        if not self.folder.is_dir():
            parent = self.folder.parent
            beside = [p.name for p in parent.iterdir() if p.is_dir()] if parent.is_dir() else []
            return f"no folder of shards at {self.folder}{nearest(self.folder.name, beside)}; `unif2ace-data build` or `import` makes one"
        if any(self.folder.glob("**/*.tar")):
            return f"the shards in {self.folder} have no index; make it with `unif2ace-data index {self.folder}`"
        return f"{self.folder} holds no shards (*.tar); `unif2ace-data build` or `import` makes them"
