"""Samples with their image tokens, which are stored in a separate shard folder. Shapes: N image tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.shards import DecodedSample, Rules, SampleFault, ShardReader, has_index
from unif2ace.data.shards.fingerprint import index_fingerprint
from unif2ace.data.shards.schema import parse_metadata
from unif2ace.errors import DataError

TOKENS = "tokens.npy"
TOKENS_FORMAT = 1
Read = Literal["pixels", "tokens", "both"]
"""What is read of an image: its pixels, its tokens, or both."""
NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class TokenisedSample(DecodedSample):
    """A sample with tokens; its `image` has no pixels, (0, 0, 3), if only tokens are read.

    Attributes:
        image_ids: int64 (N,), values in [0, codebook).
    """

    image_ids: NDArray[np.int64]


class TokenReader(ShardReader):
    """A shard folder read together with its tokens.

    Args:
        folder: Shard folder of the images, with an index.
        tokens: Shard folder of their tokens, written by `unif2ace-data tokenize`.
        rules: Requirements on each sample's metadata.
        strict: Whether a bad shard of images is an error; tokens must be complete.
        pictures: Whether images are decoded too.

    Raises:
        DataError: If there are no tokens, they belong to other images, or their keys differ.
    """

    def __init__(
        self, folder: str | Path, tokens: str | Path, *, rules: Rules, strict: bool = True, pictures: bool = False
    ) -> None:
        super().__init__(folder, rules=rules, strict=strict)
        self.pictures = pictures
        self._sidecar = open_tokens(tokens)
        self._check()
        self._align()

    def _align(self) -> None:
        """Maps our samples to those of the sidecar, which skipped shards shift."""
        bad = [n for n, name in enumerate(self._names) if name in self.skipped_shards]
        self._rows = np.flatnonzero(~np.isin(self.index.places["shard"], bad))
        self._codes = int(self._sidecar.index.recipe.get("codebook", np.iinfo(np.int64).max))

    def _check(self) -> None:
        sidecar, mend = self._sidecar, f"make them again with: unif2ace-data tokenize {self.folder}"
        ours, theirs = self.index.keys(), sidecar.index.keys()
        for place, (key, other) in enumerate(zip(ours, theirs, strict=False)):
            if key != other:
                raise DataError(
                    f"{sidecar.folder} does not belong to {self.folder}: sample {place} is {other!r} there and "
                    f"{key!r} here; {mend}"
                )
        if len(ours) != len(theirs):
            raise DataError(f"{sidecar.folder} has tokens of {len(theirs)} samples, {self.folder} {len(ours)}; {mend}")
        source = sidecar.index.recipe.get("source")
        if source is not None and source != index_fingerprint(self.index):
            raise DataError(f"{sidecar.folder} was made when {self.folder} held other shards; {mend}")

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """Fingerprint of the weights that made the tokens; None if their index has none."""
        return self._sidecar.index.recipe.get("tokenizer")

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height in pixels of the images that the tokens were made from; None if their index has none."""
        recipe = self._sidecar.index.recipe
        if "grid" not in recipe or "factor" not in recipe:
            return None
        height, width = (side * recipe["factor"] for side in recipe["grid"])
        return width, height

    def decoded(self, index: int) -> TokenisedSample:
        """The sample at an index.

        Raises:
            SampleFault: If it or its tokens are faulty.
        """
        ids = self._ids(index)
        if self.pictures:
            sample = super().decoded(index)
            return TokenisedSample(index, sample.key, sample.image, sample.metadata, ids)
        try:
            metadata = parse_metadata(self.member(index, "json"), self.rules)
        except SampleFault as fault:
            raise fault.at(self.shard(index), self.key(index)) from fault
        return TokenisedSample(index, self.key(index), NO_PICTURE, metadata, ids)

    def _ids(self, index: int) -> NDArray[np.int64]:
        row = int(self._rows[index])
        ids: NDArray[Any] = self._sidecar.value(row, TOKENS)
        place = self._sidecar.shard(row), self._sidecar.key(row)
        if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
            raise SampleFault("schema", f"tokens of type {ids.dtype} and shape {ids.shape}; integers (N,)", *place)
        if not len(ids):
            raise SampleFault("missing", "has no tokens: its picture could not be read", *place)
        if ids.min() < 0 or ids.max() >= self._codes:
            raise SampleFault("schema", f"tokens {ids.min()} to {ids.max()}; {self._codes} codes exist", *place)
        return ids.astype(np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.folder, self._sidecar.folder, self.rules, self.skipped_shards, self.pictures)
        return _reopen, arguments


def _reopen(folder: Path, tokens: Path, rules: Rules, skipped: tuple[str, ...], pictures: bool) -> TokenReader:
    reader = TokenReader.__new__(TokenReader)  # skips the same shards without checking them again
    reader._set_up(folder, rules)
    if skipped:
        reader._skip(skipped)
    reader.pictures, reader._sidecar = pictures, open_tokens(tokens)
    reader._align()
    return reader


def open_tokens(folder: str | Path) -> ShardReader:
    """The token reader of a shard folder.

    Raises:
        DataError: If there are no tokens.
    """
    if not has_index(folder):
        unfinished = "is not finished" if Path(folder).is_dir() else "does not exist"
        raise DataError(f"no tokens at {folder}, which {unfinished}; `unif2ace-data tokenize FOLDER` makes them")
    reader = ShardReader(folder)
    if TOKENS not in reader.index.extensions:
        raise DataError(f"{folder} holds no tokens (KEY.{TOKENS}); `unif2ace-data tokenize FOLDER` makes them")
    return reader
