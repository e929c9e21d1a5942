"""How long to wait before a request is repeated."""

from __future__ import annotations

import email.utils
import math
import random
import time
from collections.abc import Mapping

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0


def backoff(failures: int) -> float:
    """Seconds to wait after n consecutive failures: min(0.5 * 2^(n - 1), 30) times a random factor in [0.5, 1]."""
    return min(_FIRST_SECONDS * 2.0 ** min(failures - 1, 30), _LONGEST_SECONDS) * random.uniform(0.5, 1.0)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The waiting time that the headers of a response ask for: ``Retry-After``, in seconds or as a date.

    Returns:
        Seconds, at least 0; None if the headers give no valid waiting time.
    """
    for header, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(header)
        if value is None:
            continue
        try:
            seconds = float(value) / scale
        except ValueError:
            seconds = _until(value)
        if not math.isnan(seconds):
            return max(seconds, 0.0)
    return None


def _until(date: str) -> float:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return math.nan
