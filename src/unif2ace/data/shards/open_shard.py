"""Writes a single shard."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from unif2ace.data.atomic import discard, explained, partial_path, publish
from unif2ace.data.shards.secure import secured_webdataset
from unif2ace.errors import DataError


class OpenShard:
    """A shard that is being written, under a temporary name until it is finished.

    Args:
        path: Final path of the shard.

    Raises:
        DataError: If the disk is full; all methods may raise it. The shard is then removed and cannot be written again.
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
        """Adds one sample; `files` maps extensions to file contents."""
        self._check()
        with explained(self.path), self._abandoned_on_error():
            self._tar.write({"__key__": key, **files})
        self.samples += 1

    def finish(self) -> None:
        """Closes the shard and moves it to its final path."""
        self._check()
        with explained(self.path), self._abandoned_on_error():
            self._tar.close()
            publish(self._file, self.path)

    def abandon(self) -> None:
        """Removes the unfinished shard."""
        self._sink.closed = True
        discard(self._file, self.path)
        with contextlib.suppress(OSError):
            self._tar.close()

    def _check(self) -> None:
        if self._sink.closed:
            raise DataError(f"{self.path.name}: an earlier write failed; open a new ShardWriter")

    @contextlib.contextmanager
    def _abandoned_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.abandon()
            raise


class _Sink:
    """Output file of tarfile. Once `closed`, it discards what tarfile writes during garbage collection."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.closed = file, False

    def write(self, data: bytes) -> int:
        return len(data) if self.closed else self.file.write(data)
