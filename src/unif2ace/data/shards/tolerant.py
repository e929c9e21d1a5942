"""Tolerates faulty samples: counts and replaces them, and raises if there are too many.

**Faulty samples and exact resume.** A loader that skips faulty samples would shift all later samples. A resumed run, or
a run with another number of ranks, would then have another order. Here a faulty sample is replaced by the next valid
one (`decoded`). The replacement depends only on the data on disk, not on earlier reads or on the process. Positions,
lengths and the number of samples per rank do not change. `TaskDataset` marks a replacement as invalid, so that
evaluation does not count a sample twice.
"""

from __future__ import annotations

import logging
from collections import Counter

from unif2ace.data.shards.faults import Cause, SampleFault
from unif2ace.data.shards.reader import DecodedSample, ShardReader
from unif2ace.errors import DataError

_log = logging.getLogger(__name__)


class DropLog:
    """Counts the reads and the dropped (faulty) samples of one process, and raises if too many are dropped.

    Each dropped sample is logged once, with shard, key and cause. The fraction is relative to the reads of this
    process, so the limit does not depend on the number of workers.

    Args:
        max_fraction: Maximum fraction of dropped reads, in [0, 1].
        grace: Number of drops that are always accepted, because a fraction of few reads is not meaningful.
    """

    def __init__(self, max_fraction: float = 0.01, grace: int = 10) -> None:
        if not 0 <= max_fraction <= 1 or grace < 0:
            raise DataError(f"max_fraction={max_fraction}, grace={grace}: max_fraction must be in [0, 1], grace >= 0")
        self.max_fraction, self.grace = max_fraction, grace
        self.reads = 0
        self.causes: Counter[Cause] = Counter()
        self._logged: set[tuple[str, str]] = set()

    @property
    def drops(self) -> int:
        """Number of dropped reads so far; a faulty sample counts at every read."""
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
                f"{self.drops} of {self.reads} samples read were faulty ({self}), more than the accepted fraction "
                f"{self.max_fraction} (in training: data.max_drop_fraction); the last: {fault}. List all faults with: "
                "unif2ace-data validate"
            ) from fault

    def __str__(self) -> str:
        return ", ".join(f"{cause} {number}" for cause, number in self.causes.most_common()) or "none"


class TolerantReader:
    """A `ShardReader` that continues after faulty samples.

    Args:
        reader: Reader of the samples.
        log: Counter of the drops, which several readers may share; None for a new one.
    """

    def __init__(self, reader: ShardReader, log: DropLog | None = None) -> None:
        self.reader = reader
        self.log = log or DropLog()

    def __len__(self) -> int:
        return len(self.reader)

    def decoded(self, index: int) -> DecodedSample:
        """The sample at an index, or the next valid sample if it is faulty; the search wraps around at the end.

        The `index` of the result tells which sample was read.

        Raises:
            DataError: If more samples are faulty than `log` accepts.
        """
        for step in range(len(self.reader)):
            found = self.decoded_or_none((index + step) % len(self.reader))
            if found is not None:
                return found
        raise DataError(f"{self.reader.folder}: every sample is faulty ({self.log}); run unif2ace-data validate")

    def decoded_or_none(self, index: int) -> DecodedSample | None:
        """The sample at an index, or None if it is faulty.

        Raises:
            DataError: If more samples are faulty than `log` accepts.
        """
        self.log.reads += 1
        try:
            return self.reader.decoded(index)
        except SampleFault as fault:
            self.log.drop(fault)
            return None
