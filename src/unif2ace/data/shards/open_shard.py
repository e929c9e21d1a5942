"""One shard while it is being written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from unif2ace.data.atomic import discard, explained, partial_path, publish
from unif2ace.data.shards.secure import secured_webdataset
from unif2ace.errors import DataError


class OpenShard:
    """The shard being written, under its temporary name.

    Args:
        path: Its final name.

    Raises:
        DataError: Here and in the methods, if the disk is full; the shard is then removed and cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.samples = path, 0
        with explained(path):
            self._file: BinaryIO = partial_path(path).open("wb")
        self._sink = _Sink(self._file)
        # Compression would prevent random access; with fixed time, user and mode, equal samples give equal bytes.
        self._tar = secured_webdataset().TarWriter(
            self._sink, user="unif2ace", group="unif2ace", mode=0o444, mtime=0, encoder=False, compress=False
        )

    def write(self, key: str, files: Mapping[str, bytes]) -> None:
        """Adds the files of one sample, by extension."""
        self._check()
        with explained(self.path), self._abandoned_on_error():
            self._tar.write({"__key__": key, **files})
        self.samples += 1

    def finish(self) -> None:
        """Moves the shard to its final name."""
        self._check()
        with explained(self.path), self._abandoned_on_error():
            self._tar.close()
            publish(self._file, self.path)

    def abandon(self) -> None:
        """Removes the shard."""
        self._sink.closed = True
        discard(self._file, self.path)
        with contextlib.suppress(OSError):
            self._tar.close()

    def _check(self) -> None:
        if self._sink.closed:
            raise DataError(f"{self.path.name} could not be written before; continue with a new writer of the folder")

    @contextlib.contextmanager
    def _abandoned_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.abandon()
            raise


class _Sink:
    """Output of tarfile. Once closed, it discards what tarfile still writes when it is garbage collected."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.closed = file, False

    def write(self, data: bytes) -> int:
        return len(data) if self.closed else self.file.write(data)
