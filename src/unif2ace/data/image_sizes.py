"""Checks before training that all stored images have one size."""

from __future__ import annotations

from collections.abc import Iterable

from unif2ace.data.shards import SampleFault, ShardReader
from unif2ace.data.token_reader import TokenReader
from unif2ace.errors import DataError

MAX_CHECKED = 1000
"""Maximum number of samples per split whose size is read, evenly spaced."""


def common_size(readers: Iterable[tuple[str, ShardReader]]) -> tuple[int, int] | None:
    """Common width and height of all images in pixels; None if no size can be read.

    Reads only the image headers of at most `MAX_CHECKED` evenly spaced samples per reader. For tokens, the size is that
    of the tokenised images.

    Args:
        readers: Pairs of a name for error messages and a reader.

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
            f"pictures differ in size ({listed}): import all with one size, such as `unif2ace-data import ... "
            "source.size=64`, and tokenise them again"
        )
    return next(iter(found), None)
