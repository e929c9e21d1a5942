"""Any folder of shards: written by `unif2ace-data build` or `import`, or plain WebDataset shards with an index."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unif2ace.data.shards import Rules, ShardReader, has_index
from unif2ace.data.shards.index import why_unreadable
from unif2ace.data.token_reader import Read, TokenReader, open_tokens
from unif2ace.errors import DataError

Split = Literal["train", "val"]


class ShardDataset:
    """A folder of shards with the splits ``train`` and ``val`` as sub-folders, or of training shards alone.

    Args:
        folder: The folder.
        weight: Share of the training samples, relative to the other data sets.
        strict: Whether a bad shard is an error; otherwise it is skipped and counted.
        tokens: Folder of the images' tokens with the same layout, written by `unif2ace-data tokenize`.
    """

    def __init__(
        self, folder: str | Path, weight: float = 1.0, strict: bool = True, tokens: str | Path | None = None
    ) -> None:
        self.folder, self.weight, self.strict = Path(folder), weight, strict
        self.tokens = Path(tokens) if tokens else None

    def prepare(self) -> None:
        """Builds missing data; called once per machine before `open`."""

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """Fingerprint of the tokenizer that made the tokens; None without tokens, or if their index has none.

        Raises:
            DataError: If the folder of tokens has none.
        """
        if self.tokens is None:
            return None
        split = next((s for s in ("train", "val") if has_index(self.tokens / s)), "")
        found: str | None = open_tokens(self.tokens / split).index.recipe.get("tokenizer")
        return found

    def open(self, split: Split, rules: Rules, read: Read = "pixels") -> ShardReader | None:
        """The reader of a split; None if the data set has no such split.

        Args:
            split: The split.
            rules: Requirements on each sample's metadata; a sample that violates them is dropped and counted.
            read: Whether pixels, tokens or both are read.

        Raises:
            DataError: If the folder or its index is missing, or the tokens are missing or belong to other images.
        """
        if has_index(self.folder / split):
            return self._reader(split, rules, read)
        if has_index(self.folder):
            return self._reader("", rules, read) if split == "train" else None
        if has_index(self.folder / "train"):
            return None
        raise DataError(why_unreadable(self.folder))

    def _reader(self, place: str, rules: Rules, read: Read) -> ShardReader:
        folder = self.folder / place
        if read == "pixels":
            return ShardReader(folder, rules=rules, strict=self.strict)
        if self.tokens is None:
            raise DataError(f"{self.folder} has no tokens: make them with `unif2ace-data tokenize` and set tokens=...")
        tokens = self.tokens / place
        return TokenReader(folder, tokens, rules=rules, strict=self.strict, pictures=read == "both")
