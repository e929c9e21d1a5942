"""Reads samples together with their image tokens from a separate shard folder. Shapes: N image tokens."""

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
"""Whether an image's pixels, its tokens, or both are read."""
NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class TokenisedSample(DecodedSample):
    """A sample with image tokens. If only tokens are read, `image` is empty, of shape (0, 0, 3).

    Attributes:
        image_ids: Image tokens, int64 (N,) in [0, K) for a codebook of K codes.
    """

    image_ids: NDArray[np.int64]


class TokenReader(ShardReader):
    """A shard folder read together with its tokens.

    Args:
        folder: Shard folder of the images, with an index.
        tokens: Shard folder of the images' tokens, written by `unif2ace-data tokenize`.
        rules: Requirements on each sample's metadata.
        strict: Whether an unreadable image shard is an error rather than skipped. Token shards must be complete.
        pictures: Whether images are decoded as well as tokens.

    Raises:
        DataError: If there are no tokens, or the tokens were made from other images.
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
        """Maps sample indices to indices in the token folder; skipped image shards shift them."""
        bad = [n for n, name in enumerate(self._names) if name in self.skipped_shards]
        self._rows = np.flatnonzero(~np.isin(self.index.places["shard"], bad))
        self._codes = int(self._sidecar.index.recipe.get("codebook", np.iinfo(np.int64).max))

    def _check(self) -> None:
        sidecar, mend = self._sidecar, f"make them again with: unif2ace-data tokenize {self.folder}"
        ours, theirs = self.index.keys(), sidecar.index.keys()
        for place, (key, other) in enumerate(zip(ours, theirs, strict=False)):
            if key != other:
                raise DataError(
                    f"the tokens in {sidecar.folder} do not belong to {self.folder}: sample {place} is {other!r} in "
                    f"the tokens and {key!r} in the pictures; {mend}"
                )
        if len(ours) != len(theirs):
            raise DataError(
                f"{sidecar.folder} has tokens of {len(theirs)} samples, but {self.folder} has {len(ours)}; {mend}"
            )
        source = sidecar.index.recipe.get("source")
        if source is not None and source != index_fingerprint(self.index):
            raise DataError(f"the shards in {self.folder} changed after {sidecar.folder} was made; {mend}")

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """Fingerprint of the image tokenizer's weights; None if the token index has none."""
        return self._sidecar.index.recipe.get("tokenizer")

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height in pixels of the tokenised images; None if the token index lacks the size."""
        recipe = self._sidecar.index.recipe
        if "grid" not in recipe or "factor" not in recipe:
            return None
        height, width = (side * recipe["factor"] for side in recipe["grid"])
        return width, height

    def decoded(self, index: int) -> TokenisedSample:
        """The sample at an index.

        Raises:
            SampleFault: If the sample or its tokens are faulty.
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
            raise SampleFault("schema", f"tokens are {ids.dtype} {ids.shape}, not integers (N,)", *place)
        if not len(ids):
            raise SampleFault("missing", "has no tokens: its picture could not be read", *place)
        if ids.min() < 0 or ids.max() >= self._codes:
            raise SampleFault("schema", f"tokens are in {ids.min()}..{ids.max()}, not in 0..{self._codes - 1}", *place)
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
    """Opens a shard folder of tokens.

    Raises:
        DataError: If the folder is missing, unfinished or holds no tokens.
    """
    if not has_index(folder):
        unfinished = "is not finished" if Path(folder).is_dir() else "does not exist"
        raise DataError(f"the token folder {folder} {unfinished}; make the tokens with `unif2ace-data tokenize FOLDER`")
    reader = ShardReader(folder)
    if TOKENS not in reader.index.extensions:
        raise DataError(f"{folder} holds no tokens (KEY.{TOKENS}); make them with `unif2ace-data tokenize FOLDER`")
    return reader
