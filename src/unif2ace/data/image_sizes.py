"""Compares the sizes of stored images before they are used."""

from __future__ import annotations

from collections.abc import Iterable

from unif2ace.data.shards import SampleFault, ShardReader
from unif2ace.data.token_reader import TokenReader
from unif2ace.errors import DataError

MAX_CHECKED = 1000
"""Number of samples of a split whose size is read; they are evenly spaced."""


def common_size(readers: Iterable[tuple[str, ShardReader]]) -> tuple[int, int] | None:
    """Width and height in pixels of all images; None if no size is known.

    Of each reader at most `MAX_CHECKED` evenly spaced samples are read, headers only. Tokens have the size of the
    images that they were made from.

    Args:
        readers: Readers with a name of each for errors.

    Raises:
        DataError: If two images differ in size.
    """
    found: dict[tuple[int, int], str] = {}
    for name, reader in readers:
        tokens = reader.image_size if isinstance(reader, TokenReader) else None
        if tokens:
            found.setdefault(tokens, f"the tokens of {name}")
        if not isinstance(reader, TokenReader) or reader.pictures:
            for index in range(0, len(reader), -(-len(reader) // MAX_CHECKED)):
                try:
                    found.setdefault(reader.size(index), f"{reader.key(index)!r} of {name}")
                except SampleFault:  # reading reports it
                    continue
        reader.close()
    if len(found) > 1:
        listed = "; ".join(f"{what}: {width}x{height}" for (width, height), what in [*found.items()][:4])
        raise DataError(
            f"pictures differ in size ({listed}): import them with one source.size, as `unif2ace-data import ... "
            "source.size=64` does, and tokenize them again"
        )
    return next(iter(found), None)
