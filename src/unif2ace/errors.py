"""Errors that a user can fix: each message names the value, the place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Unif2aceError(Exception):
    """Base of the errors that commands print without a traceback."""


class ConfigError(Unif2aceError, ValueError):
    """An invalid configuration value."""


class DataError(Unif2aceError, ValueError):
    """Data on disk, or passed in, that cannot be used."""


def check_list(value: object, key: str) -> None:
    """Checks that a value is a list: a text would be read as a list of its letters.

    Raises:
        ConfigError: If it is a text or no sequence of values.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ConfigError(f"{key}={value}: a list is needed here, such as {key}=[{value}]")


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint such as ``"; did you mean 'beard'?"``, or an empty string if no known name is close to `name`.

    Upper and lower case count as equal.
    """
    written = {other.casefold(): other for other in known}
    found = difflib.get_close_matches(name.casefold(), written, n=1, cutoff=cutoff)
    return f"; did you mean {written[found[0]]!r}?" if found else ""
