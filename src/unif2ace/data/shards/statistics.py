"""Statistics of a shard folder: attributes, captions, questions, persons and sizes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unif2ace.attributes import TAXONOMY
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.images import image_size
from unif2ace.data.shards.progress import Progress, tracked
from unif2ace.data.shards.reader import ShardReader
from unif2ace.data.shards.sample import Metadata, Sample
from unif2ace.data.shards.schema import DEFAULT_RULES, Rules


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts over the valid samples of a shard folder.

    Attributes:
        samples: Number of valid samples.
        shards: Number of shards.
        shard_bytes: Total size of the shards in bytes.
        image_bytes: Total size of the image files in bytes.
        text_bytes: Total size of the KEY.json files in bytes.
        faults: Number of faulty samples by cause; all other counts exclude faulty samples.
        sources: Number of samples by source.
        licenses: Number of samples by license.
        identities: Number of different persons; samples without an identity are not counted.
        image_sizes: Number of images by size, such as ``"128x128"``.
        labels: For each of the 46 labels, the numbers of samples where it is true, false and unknown.
        values: For each field, the number of samples by value; null is not counted.
        stated: Number of samples by number of fields that are not null.
        caption_words: Number of main captions by length in words (separated by white space).
        further_words: Number of further captions by length in words.
        questions: Number of questions by kind.
        yes_no: For each attribute, the numbers of yes/no questions answered with yes and with no.
    """

    samples: int
    shards: int
    shard_bytes: int
    image_bytes: int
    text_bytes: int
    faults: Mapping[str, int]
    sources: Mapping[str, int]
    licenses: Mapping[str, int]
    identities: int
    image_sizes: Mapping[str, int]
    labels: Mapping[str, tuple[int, int, int]]
    values: Mapping[str, Mapping[str, int]]
    stated: Mapping[int, int]
    caption_words: Mapping[int, int]
    further_words: Mapping[int, int]
    questions: Mapping[str, int]
    yes_no: Mapping[str, tuple[int, int]]

    def to_json(self) -> str:
        """All counts as JSON."""
        return json.dumps(asdict(self), indent=1)

    def to_text(self) -> str:
        """The counts as text: a summary and a table of the labels."""
        each = max(self.samples, 1)
        yes, no = (sum(pair[n] for pair in self.yes_no.values()) for n in (0, 1))
        lines = [
            f"samples      {self.samples:,} in {self.shards:,} shards ({_bytes(self.shard_bytes)}); "
            f"{sum(self.faults.values()):,} faulty ({_counts(self.faults) or 'none'})",
            f"sources      {_counts(self.sources)}",
            f"licenses     {_counts(self.licenses)}",
            f"people       {self.identities:,}",
            f"pictures     {_counts(self.image_sizes)}; {_bytes(self.image_bytes / each)} each",
            f"metadata     {_bytes(self.text_bytes / each)} each; {mean(self.stated):.1f} attributes stated",
            f"captions     {_words(self.caption_words)}",
            f"further      {_words(self.further_words)}",
            f"questions    {sum(self.questions.values()) / each:.1f} a picture: {_counts(self.questions)}",
            f"yes or no    {yes:,} yes, {no:,} no ({yes / max(yes + no, 1):.0%} yes)",
            "",
            f"{'label':<22}{'family':<12}{'true':>9}{'false':>9}{'null':>9}{'rate':>8}",
        ]
        for name, (true, false, null) in self.labels.items():
            rate = f"{true / (true + false):>8.1%}" if true + false else f"{'-':>8}"
            lines.append(f"{name:<22}{TAXONOMY.labels[name].family:<12}{true:>9,}{false:>9,}{null:>9,}{rate}")
        return "\n".join(lines)


def collect_statistics(
    folder: str | Path,
    *,
    rules: Rules = DEFAULT_RULES,
    progress: Progress | None = None,
    observe: Callable[[Sample], None] | None = None,
) -> Statistics:
    """Counts the samples of an indexed folder; reads all metadata and all image headers.

    Args:
        folder: A shard folder with an index.
        rules: Requirements on metadata; samples that violate them are counted as faulty.
        progress: Called as the samples are read.
        observe: Called with each valid sample, for further counts.

    Raises:
        DataError: If the folder has no valid index, or a shard is missing or altered.
    """
    reader = ShardReader(folder, rules=rules)
    tally = _Tally()
    for index in tracked(range(len(reader)), progress, "counting samples", every=256):
        try:
            sample = reader[index]
            tally.add(sample)
            if observe:
                observe(sample)
        except SampleFault as fault:
            tally.faults[fault.cause] += 1
    shards = reader.index.shards
    return tally.result(len(shards), sum(shard.size for shard in shards))


def mean(counts: Mapping[int, int]) -> float:
    """Mean of a histogram {value: count}; 0 if it is empty."""
    return sum(value * number for value, number in counts.items()) / max(sum(counts.values()), 1)


def quantile(counts: Mapping[int, int], share: float) -> int:
    """Smallest value v of a histogram {value: count} with P(value <= v) >= share; 0 if it is empty."""
    total, reached = sum(counts.values()), 0
    for value in sorted(counts):
        reached += counts[value]
        if reached >= share * total:
            return value
    return 0


class _Tally:
    """Accumulates the counts of `Statistics`."""

    def __init__(self) -> None:
        self.samples = self.image_bytes = self.text_bytes = 0
        self.faults, self.sources, self.licenses, self.sizes = (Counter[str]() for _ in range(4))
        self.identities: set[str] = set()
        self.labels: Counter[tuple[str, bool | None]] = Counter()
        self.values: Counter[tuple[str, str | bool]] = Counter()
        self.stated, self.words, self.further = (Counter[int]() for _ in range(3))
        self.kinds: Counter[str] = Counter()
        self.yes_no: Counter[tuple[str, str]] = Counter()

    def add(self, sample: Sample) -> None:
        """Counts one sample; raises a `SampleFault` and counts nothing if the image header is faulty."""
        width, height = image_size(sample.image, sample.extension)
        metadata = sample.metadata
        self.samples += 1
        self.sizes[f"{width}x{height}"] += 1
        self.image_bytes += len(sample.image)
        self.text_bytes += len(metadata.encode())
        self.sources[metadata.source] += 1
        self.licenses[metadata.license] += 1
        if metadata.identity is not None:
            self.identities.add(metadata.identity)
        self._add_text(metadata)
        record = metadata.record
        self.labels.update(record.labels.items())
        known = [(name, value) for name, value in record.items() if value is not None]
        self.values.update(known)
        self.stated[len(known)] += 1

    def _add_text(self, metadata: Metadata) -> None:
        if metadata.caption is not None:
            self.words[len(metadata.caption.split())] += 1
        self.further.update(len(caption.split()) for caption in metadata.captions)
        self.kinds.update(question.kind for question in metadata.qa)
        for question in metadata.qa:
            said = question.answer.casefold().lstrip()[:3].rstrip(",. ")
            if question.kind == "yes_no" and said in ("yes", "no"):
                self.yes_no[question.attribute or "none", said] += 1

    def result(self, shards: int, shard_bytes: int) -> Statistics:
        """The counts so far."""
        names = sorted({name for name, _ in self.yes_no})
        return Statistics(
            samples=self.samples,
            shards=shards,
            shard_bytes=shard_bytes,
            image_bytes=self.image_bytes,
            text_bytes=self.text_bytes,
            faults=dict(self.faults.most_common()),
            sources=dict(self.sources.most_common()),
            licenses=dict(self.licenses.most_common()),
            identities=len(self.identities),
            image_sizes=dict(self.sizes.most_common()),
            labels={n: (self.labels[n, True], self.labels[n, False], self.labels[n, None]) for n in TAXONOMY.labels},
            values={
                name: {_named(value): number for value in field.values if (number := self.values[name, value])}
                for name, field in TAXONOMY.fields.items()
            },
            stated=dict(sorted(self.stated.items())),
            caption_words=dict(sorted(self.words.items())),
            further_words=dict(sorted(self.further.items())),
            questions=dict(self.kinds.most_common()),
            yes_no={name: (self.yes_no[name, "yes"], self.yes_no[name, "no"]) for name in names},
        )


def _named(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower()


def _counts(counts: Mapping[str, int], most: int = 6) -> str:
    listed = [f"{name} {number:,}" for name, number in list(counts.items())[:most]]
    return ", ".join(listed + ([f"and {len(counts) - most} more"] if len(counts) > most else []))


def _words(counts: Mapping[int, int]) -> str:
    if not counts:
        return "none"
    low, middle, high = (quantile(counts, share) for share in (0.05, 0.5, 0.95))
    return f"{sum(counts.values()):,} of {mean(counts):.1f} words on average; 5 % {low}, half {middle}, 95 % {high}"


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
