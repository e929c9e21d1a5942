"""Data set of any shard folder: written by `unif2ace-data build` or `import`, or WebDataset tars with an index."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unif2ace.data.shards import Rules, ShardReader, has_index
from unif2ace.data.shards.index import why_unreadable
from unif2ace.data.token_reader import Read, TokenReader, open_tokens
from unif2ace.errors import DataError

Split = Literal["train", "val"]


class ShardDataset:
    """A folder with the splits ``train`` and ``val`` as subfolders, or a folder of training shards only.

    Args:
        folder: The data set's folder.
        weight: Relative share of this data set in the training samples, > 0.
        strict: Whether a missing or altered shard is an error. If false, its samples are skipped with a warning.
        tokens: Folder of the image tokens with the same subfolders, written by `unif2ace-data tokenize`; None if there
            are none.
    """

    def __init__(
        self, folder: str | Path, weight: float = 1.0, strict: bool = True, tokens: str | Path | None = None
    ) -> None:
        self.folder, self.weight, self.strict = Path(folder), weight, strict
        self.tokens = Path(tokens) if tokens else None

    def prepare(self) -> None:
        """Builds missing data; called before `open`, once per run or per machine. Does nothing in this class."""

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """Fingerprint of the tokenizer that made the tokens; None without tokens, or if the index lacks it.

        Raises:
            DataError: If the token folder is missing, unfinished or holds no tokens.
        """
        if self.tokens is None:
            return None
        split = next((s for s in ("train", "val") if has_index(self.tokens / s)), "")
        found: str | None = open_tokens(self.tokens / split).index.recipe.get("tokenizer")
        return found

    def open(self, split: Split, rules: Rules, read: Read = "pixels") -> ShardReader | None:
        """The reader of a split; None if the data set has no such split.

        Args:
            split: Name of the split, ``train`` or ``val``.
            rules: Limits and requirements of the metadata; reading a sample that violates them raises a `SampleFault`.
            read: Whether pixels, tokens or both are read.

        Raises:
            DataError: If the folder or its index is missing, or the tokens are missing or were made from other images.
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
