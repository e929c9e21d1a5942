"""Random access to the samples of an indexed shard folder: one `pread` per sample, without unpacking.

Reading sample `i` gives exactly the sample that the index lists, or raises a `SampleFault`. `tolerant.py` defines how
training and evaluation handle faults.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.shards.decode import decode
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.images import IMAGE_EXTENSIONS, decode_image, image_size
from unif2ace.data.shards.index import MEND, ShardInfo, load_index, local_folder
from unif2ace.data.shards.indexing import sha256_of
from unif2ace.data.shards.sample import Metadata, Sample
from unif2ace.data.shards.schema import DEFAULT_RULES, Rules, parse_metadata
from unif2ace.errors import DataError, nearest

MAX_OPEN: Final = 256
MAX_READ: Final = 1 << 28  # an image with its text is far smaller
Value = TypeVar("Value")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecodedSample:
    """A decoded sample.

    Attributes:
        index: Index of the sample in the reader.
        key: Key of the sample.
        image: RGB pixels, uint8 (H, W, 3).
        metadata: Captions, questions, attributes and further metadata.
    """

    index: int
    key: str
    image: NDArray[np.uint8]
    metadata: Metadata


class ShardReader:
    """The samples of a shard folder by index. Readers can be pickled and used after a fork, but are not thread-safe.

    Args:
        folder: A shard folder with an index.
        rules: Requirements on each sample's metadata.
        strict: Whether a missing or altered shard is an error. If false, its samples are skipped with a warning.
        verify: Whether shards are checked by ``size`` or by ``hash``; ``hash`` reads all shards completely.

    Raises:
        DataError: If there is no valid index, a shard is missing or altered, or no sample is left.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        rules: Rules = DEFAULT_RULES,
        strict: bool = True,
        verify: Literal["size", "hash"] = "size",
    ) -> None:
        self._set_up(local_folder(folder), rules)
        bad = {s.name: why for s in self.index.shards if (why := _fault_of(self.folder, s, verify))}
        if bad:
            listed = "\n".join(f"  {name}: {why}" for name, why in bad.items())
            found = f"{self.folder}: {len(bad)} of {len(self._names)} shards are missing or differ from the index"
            if strict:
                mend = f"restore them, {MEND} {self.folder}, or skip them with strict=false"
                raise DataError(f"{found}; {mend}\n{listed}")
            self._skip(tuple(bad))
            _log.warning("%s; %d samples are skipped\n%s", found, len(self.index) - len(self), listed)

    def _set_up(self, folder: Path, rules: Rules) -> None:
        self.folder, self.rules, self.index = folder, rules, load_index(folder)
        self.skipped_shards: tuple[str, ...] = ()
        self._columns = {e: 2 + 2 * n for n, e in enumerate(self.index.extensions)}
        self._images = tuple((e, c) for e, c in self._columns.items() if e in IMAGE_EXTENSIONS)
        self._json = self._columns.get("json", -1)
        self._names = tuple(shard.name for shard in self.index.shards)
        self._places = self.index.places
        self._files: dict[int, int] = {}

    def _skip(self, names: tuple[str, ...]) -> None:
        bad = [n for n, name in enumerate(self._names) if name in names]
        self._places = self._places[~np.isin(self._places["shard"], bad)]
        self.skipped_shards = names
        if not len(self._places):
            raise DataError(f"{self.folder}: no sample is left after skipping {', '.join(names)}; restore these shards")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Sample:
        """The sample at an index, with validated metadata and an encoded image.

        Raises:
            SampleFault: If the sample is faulty.
        """
        key, extension, image, text = self._read(index)
        try:
            return Sample(key, image, extension, parse_metadata(text, self.rules))
        except SampleFault as fault:
            raise fault.at(self.shard(index), key) from fault

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def decoded(self, index: int) -> DecodedSample:
        """The sample at an index with its image decoded.

        Raises:
            SampleFault: If the sample is faulty.
        """
        key, extension, image, text = self._read(index)
        try:
            return DecodedSample(index, key, decode_image(image, extension), parse_metadata(text, self.rules))
        except SampleFault as fault:
            raise fault.at(self.shard(index), key) from fault

    def image(self, index: int) -> NDArray[np.uint8]:
        """The image at an index without its metadata: RGB, uint8 (H, W, 3).

        Raises:
            SampleFault: If the image is faulty.
        """
        return self._read_image(index, decode_image)

    def size(self, index: int) -> tuple[int, int]:
        """Width and height of the image at an index, from its header.

        Raises:
            SampleFault: If the image is faulty.
        """
        return self._read_image(index, image_size)

    def _read_image(self, index: int, read: Callable[[bytes, str], Value]) -> Value:
        """Result of `read` for the bytes and the extension of the image file at an index."""
        row = self._places[index].item()
        for extension, column in self._images:
            if row[column]:
                try:
                    return read(self._pread(row[1], row[column], row[column + 1]), extension)
                except SampleFault as fault:
                    raise fault.at(self._names[row[1]], row[0].decode()) from fault
        raise self._lacks("picture", row)

    def member(self, index: int, extension: str) -> bytes:
        """The bytes of one file of a sample, such as ``tokens.npy``.

        Raises:
            DataError: If no sample of the folder has such a file.
            SampleFault: If this sample lacks the file, or the file cannot be read.
        """
        if extension not in self._columns:
            has = ", ".join(self._columns)
            raise DataError(f"{self.folder} has no .{extension} files, only {has}{nearest(extension, self._columns)}")
        row, column = self._places[index].item(), self._columns[extension]
        if not row[column]:
            raise self._lacks(f".{extension}", row)
        try:
            return self._pread(row[1], row[column], row[column + 1])
        except SampleFault as fault:
            raise fault.at(self._names[row[1]], row[0].decode()) from fault

    def value(self, index: int, extension: str) -> Any:
        """The decoded value of one file of a sample, such as the array of ``tokens.npy``.

        Raises:
            DataError: If no sample of the folder has such a file.
            SampleFault: If this sample lacks the file, or the file cannot be read or decoded.
        """
        data = self.member(index, extension)
        try:
            return decode(data, extension)
        except SampleFault as fault:
            raise fault.at(self.shard(index), self.key(index)) from fault

    def key(self, index: int) -> str:
        """Key of a sample."""
        key: str = self._places[index].item()[0].decode()
        return key

    def keys(self) -> list[str]:
        """All keys, in order."""
        return [key.decode() for key in self._places["key"].tolist()]

    def shard(self, index: int) -> str:
        """File name of the shard that holds a sample."""
        return self._names[int(self._places["shard"][index])]

    def close(self) -> None:
        """Closes all open shard files; the next read opens them again."""
        for file in self._files.values():
            os.close(file)
        self._files = {}

    def __del__(self) -> None:
        if hasattr(self, "_files"):
            self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        # A spawned worker maps the index itself: pickling would copy the array, and file descriptors cannot be sent.
        # It skips the same shards without checking them again, so that all workers agree on the length.
        return _reopen, (self.folder, self.rules, self.skipped_shards)

    def _read(self, index: int) -> tuple[str, str, bytes, bytes]:
        """Key, image extension, image bytes and metadata bytes, from one read that covers both files."""
        row: tuple[Any, ...] = self._places[index].item()
        extension, column = next((image for image in self._images if row[image[1]]), ("", 0))
        if not extension or self._json < 0 or not row[self._json]:
            raise self._lacks(".json" if extension else "picture", row)
        image, text = row[column], row[self._json]
        image_end, text_end = image + row[column + 1], text + row[self._json + 1]
        start = image if image < text else text
        try:
            data = self._pread(row[1], start, (image_end if image_end > text_end else text_end) - start)
        except SampleFault as fault:
            raise fault.at(self._names[row[1]], row[0].decode()) from fault
        key: str = row[0].decode()
        return key, extension, data[image - start : image_end - start], data[text - start : text_end - start]

    def _pread(self, shard: int, offset: int, length: int) -> bytes:
        if length > MAX_READ:
            raise SampleFault("size", f"the sample has {length:,} bytes; the limit is {MAX_READ:,}")
        try:
            file = self._files.get(shard)
            data = os.pread(self._open(shard) if file is None else file, length, offset)
        except OSError as error:
            raise SampleFault("read", f"the shard cannot be read: {error.strerror or error}") from error
        if len(data) != length:
            raise SampleFault("read", f"{length - len(data):,} of {length:,} bytes are missing; the shard is truncated")
        return data

    def _open(self, shard: int) -> int:
        if len(self._files) >= MAX_OPEN:
            os.close(self._files.pop(next(iter(self._files))))
        file = self._files[shard] = os.open(self.folder / self._names[shard], os.O_RDONLY | os.O_CLOEXEC)
        return file

    def _lacks(self, what: str, row: tuple[Any, ...]) -> SampleFault:
        return SampleFault("missing", f"has no {what}", self._names[row[1]], row[0].decode())


def _reopen(folder: Path, rules: Rules, skipped: tuple[str, ...]) -> ShardReader:
    reader = ShardReader.__new__(ShardReader)
    reader._set_up(folder, rules)
    if skipped:
        reader._skip(skipped)
    return reader


def _fault_of(folder: Path, shard: ShardInfo, verify: str) -> str:
    """Description of a shard's fault; empty if the shard agrees with the index."""
    path = folder / shard.name
    try:
        size = path.stat().st_size
        if size != shard.size:
            return f"has {size:,} bytes, but {shard.size:,} in the index"
        if verify == "hash" and sha256_of(path) != shard.sha256:
            return "its content differs from the index (sha256)"
    except OSError as error:
        return error.strerror or str(error)
    return ""
