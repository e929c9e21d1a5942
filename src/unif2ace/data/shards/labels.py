"""Counts label frequencies of a folder while its index is built."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from unif2ace.attributes import TAXONOMY
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.schema import parse_metadata
from unif2ace.data.shards.shard_layout import Entry


class LabelCounts:
    """Counts true and false labels of samples."""

    def __init__(self) -> None:
        self.conforming = 0
        self._stated: Counter[tuple[str, bool | str]] = Counter()

    def add_shard(self, path: Path, entries: Iterable[Entry]) -> None:
        """Counts the labels of a shard's samples; samples with faulty metadata are skipped."""
        with path.open("rb") as file:
            for offset, length in (entry.files["json"] for entry in entries if "json" in entry.files):
                try:
                    metadata = parse_metadata(os.pread(file.fileno(), length, offset))
                except SampleFault:
                    continue
                self.conforming += 1
                self._stated.update((n, v) for n, v in metadata.attributes.items() if v is not None)

    def counts(self) -> dict[str, tuple[int, int]]:
        """For each label, the numbers of samples where it is true and where it is false."""
        totals = Counter[str]()
        for (name, _), number in self._stated.items():
            totals[name] += number
        return {label: self._count(label, totals) for label in TAXONOMY.labels}

    def _count(self, label: str, totals: Counter[str]) -> tuple[int, int]:
        spec = TAXONOMY.labels[label]
        true = self._stated[spec.field, spec.value]
        false = totals[spec.field] - true
        if label != spec.field:  # stated directly, while the field is null
            true, false = true + self._stated[label, True], false + self._stated[label, False]
        return true, false
