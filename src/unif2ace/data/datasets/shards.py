"""Any folder of shards: what `unif2ace-data build` and `import` write, or plain WebDataset shards with an index."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unif2ace.data.shards import Rules, ShardReader, has_index
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

    def open(self, split: Split, rules: Rules) -> ShardReader | None:
        """The reader of a split; None if the data set has no such split.

        Args:
            split: Which.
            rules: What each sample's metadata must keep to; a sample that does not is dropped and counted.

        Raises:
            DataError: If the folder or its index is missing.
        """
        if has_index(self.folder / split):
            return ShardReader(self.folder / split, rules=rules, strict=self.strict)
        if has_index(self.folder):
            return ShardReader(self.folder, rules=rules, strict=self.strict) if split == "train" else None
        if has_index(self.folder / "train"):
            return None
        raise DataError(self._why())

    def _why(self) -> str:
        if not self.folder.is_dir():
            parent = self.folder.parent
            beside = [p.name for p in parent.iterdir() if p.is_dir()] if parent.is_dir() else []
            near = nearest(self.folder.name, beside)
            return f"no folder of shards at {self.folder}; `unif2ace-data build` or `import` makes one{near}"
        if any(self.folder.glob("**/*.tar")):
            return f"the shards in {self.folder} have no index; make it with `unif2ace-data index {self.folder}`"
        return f"{self.folder} holds no shards (*.tar); `unif2ace-data build` or `import` makes them"
