"""Faults of samples and shards, and the error that reports them."""

from __future__ import annotations

from typing import Literal

from unif2ace.errors import DataError

Cause = Literal["read", "missing", "refused", "image", "size", "json", "schema", "key", "duplicate", "order", "shard"]
"""Why a sample or shard is at fault.

``read`` bytes of the index are missing; ``missing`` a required file or entry; ``refused`` a file type that is never
opened; ``image`` an image that does not decode; ``size`` more pixels or bytes than allowed; ``json`` invalid JSON or
UTF-8; ``schema`` an entry of the wrong type or length; ``key`` an invalid key; ``duplicate`` a repeated key; ``order``
files of a sample that are not adjacent; ``shard`` a tar that is missing, truncated or altered.
"""


class SampleFault(DataError):  # noqa: N818 - called a fault everywhere
    """A fault of one sample, with its `cause`, `shard` and `key`.

    Args:
        cause: Kind of fault.
        message: Description of the fault.
        shard: File name of the shard, if known where it is raised.
        key: Key of the sample, if known where it is raised.
    """

    def __init__(self, cause: Cause, message: str, shard: str = "", key: str = "") -> None:
        place = ", ".join(f"{what} {name}" for what, name in (("shard", shard), ("sample", key)) if name)
        super().__init__(f"{place}: {message}" if place else message)
        self.cause, self.message, self.shard, self.key = cause, message, shard, key

    def at(self, shard: str, key: str = "") -> SampleFault:
        """The same fault with its shard and key."""
        return SampleFault(self.cause, self.message, shard, key)

    def __reduce__(self) -> tuple[type[SampleFault], tuple[str, str, str, str]]:
        # Worker processes pickle exceptions; the default would pass the whole message as `cause`.
        return SampleFault, (self.cause, self.message, self.shard, self.key)
