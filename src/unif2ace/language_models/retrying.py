"""How long to wait before a request is made again."""

from __future__ import annotations

import email.utils
import math
import random
import time
from collections.abc import Mapping

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0


def backoff(failures: int) -> float:
    """Seconds to wait after some failures in a row: doubled each time up to 30, of which a random half is left out."""
    return min(_FIRST_SECONDS * 2.0 ** min(failures - 1, 30), _LONGEST_SECONDS) * random.uniform(0.5, 1.0)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers of a response ask to wait: ``Retry-After`` as seconds or as a date.

    Returns:
        At least 0; None if the headers ask for nothing that can be read.
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
