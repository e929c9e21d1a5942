"""What can be wrong with one sample, and the error that names it."""

from __future__ import annotations

from typing import Literal

from unif2ace.errors import DataError

Cause = Literal["read", "missing", "refused", "image", "size", "json", "schema", "key", "duplicate", "order", "shard"]
"""Why a sample or shard is at fault.

``read`` bytes that the index promises are not there; ``missing`` a needed file or entry; ``refused`` a file type that
is never opened; ``image`` a picture that does not decode; ``size`` more pixels or bytes than allowed; ``json`` no valid
JSON or UTF-8; ``schema`` an entry of the wrong type or length; ``key`` a name that is no key; ``duplicate`` a key seen
before; ``order`` files of a sample that are not adjacent; ``shard`` a tar that is missing, torn or altered.
"""


class SampleFault(DataError):  # noqa: N818 - a fault is what it is called everywhere
    """A fault of one sample; `cause`, `shard` and `key` say which.

    Args:
        cause: Kind of fault.
        message: What is wrong with it.
        shard: File name of the shard, if known where it is raised.
        key: Key of the sample, if known where it is raised.
    """

    def __init__(self, cause: Cause, message: str, shard: str = "", key: str = "") -> None:
        place = ", ".join(f"{what} {name}" for what, name in (("shard", shard), ("sample", key)) if name)
        super().__init__(f"{place}: {message}" if place else message)
        self.cause, self.message, self.shard, self.key = cause, message, shard, key

    def at(self, shard: str, key: str = "") -> SampleFault:
        """The same fault with its place."""
        return SampleFault(self.cause, self.message, shard, key)

    def __reduce__(self) -> tuple[type[SampleFault], tuple[str, str, str, str]]:
        # Exceptions travel from worker processes by pickle, which would pass the whole message as `cause`.
        return SampleFault, (self.cause, self.message, self.shard, self.key)
