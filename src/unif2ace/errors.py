"""Errors that a user can fix. Each message names the value, the place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class Unif2aceError(Exception):
    """Base class of errors that commands print without a traceback."""


class ConfigError(Unif2aceError, ValueError):
    """An invalid configuration value."""


class DataError(Unif2aceError, ValueError):
    """Data that cannot be used: files, or values passed to a function."""


def check_list(value: object, key: str) -> None:
    """Checks that a value is a list and not a string, which would be iterated letter by letter.

    Args:
        value: The value.
        key: Name of the key or argument, for the error message.

    Raises:
        ConfigError: If the value is a string, or not iterable.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ConfigError(f"{key}={value}: must be a list, such as {key}=[{value}]")


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint such as ``" (did you mean 'beard'?)"``, or an empty string if no known name is similar to `name`.

    Args:
        name: The unknown name. Case is ignored.
        known: The known names.
        cutoff: Minimum similarity in [0, 1], as in `difflib.get_close_matches`.
    """
    written = {other.casefold(): other for other in known}
    found = difflib.get_close_matches(name.casefold(), written, n=1, cutoff=cutoff)
    return f" (did you mean {written[found[0]]!r}?)" if found else ""


def and_more(names: Sequence[str]) -> str:
    """The words that follow the first of several names in a message, such as ``" and 2 more"``; empty for one name.

    Args:
        names: All names, the first included.
    """
    return f" and {len(names) - 1:,} more" if len(names) > 1 else ""
