"""A part of the shards for job arrays: ``2/4`` is the second of four parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from unif2ace.errors import ConfigError


@dataclass(frozen=True, slots=True)
class StepPart:
    """Shards `number` - 1, `number` - 1 + `total`, ... of a folder.

    Attributes:
        number: Number of this part, from 1 to `total`.
        total: Number of parts.
    """

    number: int = 1
    total: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """A part written as ``i/n``.

        Raises:
            ConfigError: If the text has another form, or i is not between 1 and n.
        """
        first, _, last = str(text).partition("/")
        if not (first.strip().isdecimal() and last.strip().isdecimal() and 1 <= int(first) <= int(last)):
            raise ConfigError(f"part={text}: write i/n with i from 1 to n, such as part=1/4")
        return cls(int(first), int(last))

    def of(self, shards: int) -> range:
        """Indices of this part's shards, out of `shards` shards."""
        return range(self.number - 1, shards, self.total)
