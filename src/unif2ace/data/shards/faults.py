"""The exception for faulty samples and shards, and its causes."""

from __future__ import annotations

from typing import Literal

from unif2ace.errors import DataError

Cause = Literal["read", "missing", "refused", "image", "size", "json", "schema", "key", "duplicate", "order", "shard"]
"""Cause of a fault of a sample or shard.

``read``: bytes cannot be read. ``missing``: a required file or entry is missing. ``refused``: a file type that is never
opened. ``image``: an image does not decode. ``size``: more pixels or bytes than allowed. ``json``: invalid JSON or
UTF-8. ``schema``: an entry has the wrong type or length. ``key``: an invalid key. ``duplicate``: a repeated key.
``order``: the files of a sample are not adjacent. ``shard``: a tar is missing, truncated or altered.
"""


class SampleFault(DataError):  # noqa: N818 - called a fault everywhere
    """A fault of one sample or shard.

    Args:
        cause: Kind of fault, see `Cause`.
        message: Description of the fault, without its location.
        shard: File name of the shard; empty if unknown.
        key: Key of the sample; empty if unknown.
    """

    def __init__(self, cause: Cause, message: str, shard: str = "", key: str = "") -> None:
        place = ", ".join(f"{what} {name}" for what, name in (("shard", shard), ("sample", key)) if name)
        super().__init__(f"{place}: {message}" if place else message)
        self.cause, self.message, self.shard, self.key = cause, message, shard, key

    def at(self, shard: str, key: str = "") -> SampleFault:
        """A copy of the fault with a shard and a key."""
        return SampleFault(self.cause, self.message, shard, key)

    def __reduce__(self) -> tuple[type[SampleFault], tuple[str, str, str, str]]:
        # Worker processes pickle exceptions; the default would pass the whole message as `cause`.
        return SampleFault, (self.cause, self.message, self.shard, self.key)
