"""Encodes image shards into token shards: the same keys in the same order, in a folder with its own index.

The image shards are not changed. The index records the fingerprints of the tokenizer and the images, and a reader
checks both. Batches end at shard boundaries, so that a resumed run has the same batches and writes the same bytes.
Shapes: B images of H x W pixels, N = h w image tokens.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from unif2ace.data.shards import DropLog, Progress, SampleFault, ShardReader, ShardWriter, has_index, load_index
from unif2ace.data.shards.fingerprint import index_fingerprint
from unif2ace.data.token_reader import TOKENS, TOKENS_FORMAT
from unif2ace.errors import DataError
from unif2ace.nets.tokenizer.base import TokenizerNet

SHOWN = 12  # characters of a fingerprint in messages


@dataclass(frozen=True, slots=True)
class TokenizeOptions:
    """Options for encoding images.

    Attributes:
        batch_size: Images per batch.
        samples_per_shard: Number of samples in a token shard.
        device: Device of the network; ``auto`` selects a GPU if there is one.
        precision: Precision of the encoder, ``float32`` or ``bfloat16``. Ids may differ between the two where two codes
            are almost equally near.
    """

    batch_size: int = 64
    samples_per_shard: int = 1000
    device: str = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.samples_per_shard < 1:
            raise DataError(
                f"batch_size={self.batch_size}, samples_per_shard={self.samples_per_shard}: both must be at least 1"
            )
        if self.precision not in ("float32", "bfloat16"):
            raise DataError(f"precision={self.precision}: it must be float32 or bfloat16")


@dataclass(frozen=True, slots=True)
class Tokenised:
    """Result of tokenising a shard folder.

    Attributes:
        folder: Folder of the token shards.
        samples: Number of samples.
        encoded: Number of samples encoded in this run; the rest existed already.
        faulty: Number of unreadable images, which have no tokens.
        grid: Token grid (h, w).
        bits: Capacity of an image's tokens in bits, N log2(K) for a codebook of K codes.
    """

    folder: Path
    samples: int
    encoded: int
    faulty: int
    grid: tuple[int, int]
    bits: float


def tokenize_shards(
    source: str | Path,
    out: str | Path,
    net: TokenizerNet,
    fingerprint: str,
    options: TokenizeOptions | None = None,
    progress: Progress | None = None,
) -> Tokenised:
    """Encodes every image of a shard folder.

    Args:
        source: Shard folder of the images.
        out: Output folder of the tokens. Shards from an earlier run with the same tokenizer and images are kept.
        net: The tokenizer, in evaluation mode.
        fingerprint: Fingerprint of the tokenizer's weights.
        options: Options for encoding images.
        progress: Called after each batch.

    Raises:
        DataError: If the images differ in size, H or W is not a multiple of the tokenizer's downsampling factor, too
            many images are faulty, or `out` holds tokens of other images or another tokenizer.
    """
    options = options or TokenizeOptions()
    reader, out = ShardReader(source), Path(out)
    size = _first_size(reader)
    recipe = _recipe(reader, net, fingerprint, size, options)
    grid, bits = tuple(recipe["grid"]), math.prod(recipe["grid"]) * math.log2(recipe["codebook"])
    if has_index(out):
        _check_finished(out, recipe)
        return Tokenised(out, len(reader), 0, 0, grid, bits)
    encoder = _Encoder(net, options, np.dtype(recipe["dtype"]))
    with ShardWriter(out, options.samples_per_shard, recipe=recipe, required=(TOKENS,)) as writer:
        first = writer.num_completed
        faulty = 0
        for batch in _ahead(_Pictures(reader, size, net.factor), _batches(first, len(reader), options)):
            ids = iter(encoder([p for p in batch.pictures if p is not None]))
            for index, picture in zip(batch.indices, batch.pictures, strict=True):
                tokens = np.zeros(0, encoder.dtype) if picture is None else next(ids)
                writer.write_files(reader.key(index), {TOKENS: _npy(tokens)})
            faulty += sum(p is None for p in batch.pictures)
            if progress:
                progress(batch.indices.stop - first, len(reader) - first, f"{reader.folder.name}: tokens")
    return Tokenised(out, len(reader), len(reader) - first, faulty, grid, bits)


def _first_size(reader: ShardReader) -> tuple[int, int]:
    """Height and width of the first readable image."""
    for index in range(len(reader)):
        try:
            height, width = reader.image(index).shape[:2]
        except SampleFault:
            continue
        return height, width
    raise DataError(
        f"{reader.folder}: no picture can be read; run `unif2ace-data validate {reader.folder}` to list the faults"
    )


def _recipe(
    reader: ShardReader, net: TokenizerNet, fingerprint: str, size: tuple[int, int], options: TokenizeOptions
) -> dict[str, Any]:
    height, width = size
    if height % net.factor or width % net.factor:
        raise DataError(
            f"{reader.folder}: sample {reader.key(0)!r} is {width}x{height}; width and height must be multiples of "
            f"{net.factor}, the tokenizer's factor: import the pictures with another source.size"
        )
    codes = net.quantizer.num_codes
    return {
        "format": TOKENS_FORMAT,
        "tokenizer": fingerprint,
        "factor": net.factor,
        "grid": [height // net.factor, width // net.factor],
        "codebook": codes,
        "dtype": "int16" if codes <= 1 << 15 else "int32",
        "precision": options.precision,
        "source": index_fingerprint(reader.index),
    }


def _check_finished(out: Path, recipe: dict[str, Any]) -> None:
    before = load_index(out).recipe
    if before.get("tokenizer") != recipe["tokenizer"]:
        raise DataError(
            f"{out} holds tokens of tokenizer {str(before.get('tokenizer'))[:SHOWN]}, not of "
            f"{recipe['tokenizer'][:SHOWN]}; give another out=..., or remove the folder"
        )
    for name, value in recipe.items():
        if before.get(name) != value:
            raise DataError(
                f"{out} holds tokens made with other settings or pictures ({name} was {before.get(name)!r} and is "
                f"{value!r}); give another out=..., or remove the folder"
            )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Images uint8 (H, W, 3) at consecutive indices of the reader; None for an unreadable image."""

    indices: range
    pictures: list[NDArray[np.uint8] | None]


class _Pictures:
    """Reads batches of images and checks that all have one size."""

    def __init__(self, reader: ShardReader, size: tuple[int, int], factor: int) -> None:
        self.reader, self.size, self.factor, self.log = reader, size, factor, DropLog()

    def __call__(self, indices: range) -> _Batch:
        return _Batch(indices, [self._picture(index) for index in indices])

    def _picture(self, index: int) -> NDArray[np.uint8] | None:
        self.log.reads += 1
        try:
            picture = self.reader.image(index)
        except SampleFault as fault:
            self.log.drop(fault)
            return None
        height, width = picture.shape[:2]
        if (height, width) != self.size:
            raise DataError(
                f"{self.reader.folder}: sample {self.reader.key(index)!r} is {width}x{height}, but the first sample is "
                f"{self.size[1]}x{self.size[0]}; import all pictures with one source.size"
            )
        return picture


def _batches(first: int, total: int, options: TokenizeOptions) -> Iterator[range]:
    """Index ranges from `first`, the start of a shard, to the end; no batch crosses a shard boundary."""
    for start in range(first, total, options.samples_per_shard):
        end = min(start + options.samples_per_shard, total)
        for at in range(start, end, options.batch_size):
            yield range(at, min(at + options.batch_size, end))


def _ahead(pictures: _Pictures, batches: Iterator[range]) -> Iterator[_Batch]:
    """Yields the batches in order; the next batch is decoded while the caller encodes the current one."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for indices in batches:
            following = pool.submit(pictures, indices)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()


class _Encoder:
    """Encodes images to tokens."""

    def __init__(self, net: TokenizerNet, options: TokenizeOptions, dtype: np.dtype[Any]) -> None:
        gpu = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        self.device = (gpu or torch.device("cpu")) if options.device == "auto" else torch.device(options.device)
        self.net = net.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.half, self.dtype = options.precision == "bfloat16", dtype

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[Any]:
        """Token ids (B, N) of B images uint8 (H, W, 3)."""
        if not pictures:
            return np.zeros((0, 0), self.dtype)
        image = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            ids = self.net.encode(image)
        found: NDArray[Any] = ids.cpu().numpy().astype(self.dtype)
        return found


def _npy(tokens: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, tokens, allow_pickle=False)
    return buffer.getvalue()
