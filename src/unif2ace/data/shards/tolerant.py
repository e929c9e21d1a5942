"""Tolerates faulty samples: counts them, continues, and stops if there are too many.

**How dropping keeps exact resume.** A loader that skips faulty samples shifts all later samples, so that a resumed run
or another number of ranks has another order. Here a faulty sample is replaced by the next sound one (`decoded`). The
replacement depends only on the data on disk, not on what was read before or in which process. Positions, lengths and
equal counts over ranks do not change. Evaluation, which must not count a sample twice, gets None instead
(`decoded_or_none`) and marks the sample invalid.
"""

from __future__ import annotations

import logging
from collections import Counter

from unif2ace.data.shards.faults import Cause, SampleFault
from unif2ace.data.shards.reader import DecodedSample, ShardReader
from unif2ace.errors import DataError

_log = logging.getLogger(__name__)


class DropLog:
    """Counts reads and drops of one process, and raises if there are too many drops.

    Each dropped sample is logged once, with shard, key and cause. The share is of the reads of this process, so the
    limit does not depend on the number of workers.

    Args:
        max_fraction: Largest share of dropped reads.
        grace: Number of drops that are always accepted: one bad sample among the first ten is not significant.
    """

    def __init__(self, max_fraction: float = 0.01, grace: int = 10) -> None:
        if not 0 <= max_fraction <= 1 or grace < 0:
            raise DataError(f"max_fraction={max_fraction}, grace={grace}: they must be 0 to 1, and 0 or more")
        self.max_fraction, self.grace = max_fraction, grace
        self.reads = 0
        self.causes: Counter[Cause] = Counter()
        self._logged: set[tuple[str, str]] = set()

    @property
    def drops(self) -> int:
        """Dropped reads so far; a sample counts each time it is read."""
        return self.causes.total()

    def drop(self, fault: SampleFault) -> None:
        """Counts a faulty read.

        Raises:
            DataError: If more than `max_fraction` of the reads and more than `grace` were dropped.
        """
        self.causes[fault.cause] += 1
        if (place := (fault.shard, fault.key)) not in self._logged:
            self._logged.add(place)
            extra = {"shard": fault.shard, "key": fault.key, "cause": fault.cause}
            _log.warning("dropped (%s): %s", fault.cause, fault, extra=extra)
        if self.drops > self.grace and self.drops > self.max_fraction * self.reads:
            raise DataError(
                f"{self.drops} of {self.reads} samples read were faulty ({self}), more than max_fraction="
                f"{self.max_fraction}; the last was: {fault}. See all with: unif2ace-data validate"
            ) from fault

    def __str__(self) -> str:
        return ", ".join(f"{cause} {number}" for cause, number in self.causes.most_common()) or "none"


class TolerantReader:
    """A `ShardReader` that continues after faulty samples.

    Args:
        reader: The reader.
        log: Counts the drops; several readers may share it.
    """

    def __init__(self, reader: ShardReader, log: DropLog | None = None) -> None:
        self.reader = reader
        self.log = log or DropLog()

    def __len__(self) -> int:
        return len(self.reader)

    def decoded(self, index: int) -> DecodedSample:
        """The sample at an index or, if it is faulty, the next sound one, wrapping around at the end.

        Its `index` identifies the sample.

        Raises:
            DataError: If too many are faulty.
        """
        for step in range(len(self.reader)):
            found = self.decoded_or_none((index + step) % len(self.reader))
            if found is not None:
                return found
        raise DataError(f"{self.reader.folder}: every sample is faulty ({self.log}); see: unif2ace-data validate")

    def decoded_or_none(self, index: int) -> DecodedSample | None:
        """The sample at an index, or None if it is faulty.

        Raises:
            DataError: If too many are faulty.
        """
        self.log.reads += 1
        try:
            return self.reader.decoded(index)
        except SampleFault as fault:
            self.log.drop(fault)
            return None
