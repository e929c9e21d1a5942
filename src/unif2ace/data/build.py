"""Builds shards from a source: encodes images, writes captions and questions, splits by identity, trains the tokenizer.

Worker processes encode chunks of images, and one process writes the chunks in order. The output is therefore the same
for any number of workers. An interrupted build resumes after its last complete shard.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from unif2ace.attributes import AttributeRecord
from unif2ace.data.build_faults import BuildFaults
from unif2ace.data.build_recipe import PICTURES, check_recipe
from unif2ace.data.output_lock import output_lock
from unif2ace.data.shards import (
    Metadata,
    Progress,
    Sample,
    SampleFault,
    ShardReader,
    ShardWriter,
    encode_jpeg,
    has_index,
    load_index,
)
from unif2ace.data.sources.base import EncodedImage, Source, SourceItem, read_items, report_of
from unif2ace.data.text_tokenizer import FILE_NAME, train_text_tokenizer
from unif2ace.errors import ConfigError, DataError
from unif2ace.language import STYLES, Style, ask_questions, measure_rates, write_caption
from unif2ace.language.question import Question

log = logging.getLogger(__name__)

SPLITS = ("train", "val")
_CHUNK = 32  # images per work item of a process
_RATES_FROM = 4000  # records to estimate attribute frequencies from


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Options for building samples from images.

    Attributes:
        validation: Share of the identities that go to ``val/``, in [0, 0.5].
        samples_per_shard: Samples in a shard.
        quality: JPEG quality, 1 to 100. Only sources of raw pixels are encoded; image files are copied.
        captions: Styles of the captions generated for images without captions, ``dense`` or ``short``. List a style
            twice for two captions of this style.
        num_questions: Number of questions generated for each image without questions; 0 for none.
        vocab_size: Requested vocabulary size of the text tokenizer; a small data set gives fewer ids.
        seed: Seed of captions, questions and the split.
        max_faults: Accepted share of faulty images, in [0, 1]; accepted ones are left out. A positive value always
            accepts min(3, a third of the images). 0 accepts none.
    """

    validation: float = 0.05
    samples_per_shard: int = 1000
    quality: int = 95
    captions: tuple[Style, ...] = ("dense", "short")
    num_questions: int = 10
    vocab_size: int = 2048
    seed: int = 0
    max_faults: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.validation <= 0.5:
            raise ConfigError(f"validation={self.validation}: it must be between 0 and 0.5")
        if not 0 <= self.max_faults <= 1:
            raise ConfigError(f"max_faults={self.max_faults}: it must be between 0 and 1")
        if unknown := set(self.captions) - set(STYLES):
            raise ConfigError(f"captions: there is no style {sorted(unknown)[0]!r}; use {' or '.join(STYLES)}")
        if self.num_questions < 0 or self.samples_per_shard < 1:
            raise ConfigError(
                f"num_questions={self.num_questions}, samples_per_shard={self.samples_per_shard}: "
                "num_questions must be 0 or more, samples_per_shard 1 or more"
            )


def build_shards(
    source: Source, folder: str | Path, options: BuildOptions, workers: int = 1, progress: Progress | None = None
) -> dict[str, int]:
    """Writes ``train/``, ``val/`` and the text tokenizer of a data set; waits while another process builds there.

    Args:
        source: Source of the images.
        folder: Output folder. Shards from an earlier build with the same source and options are kept. Faulty images are
            left out and listed in ``faults.jsonl`` there.
        options: Options for building samples.
        workers: Number of worker processes; 1 encodes in this process.
        progress: Called after each chunk of 32 images.

    Returns:
        Number of samples in each split.

    Raises:
        DataError: If more images are faulty than `max_faults` accepts, or the folder holds a build with another source
            or other options.
        ConfigError: If a split would be empty.
    """
    folder = Path(folder)
    places = split_by_identity(source, options)
    rates = _rates(source, places["train"])
    # The accepted share of faults is not part of the recipe: a build that had too many continues with a larger share.
    options_of_bytes = {name: value for name, value in asdict(options).items() if name != "max_faults"}
    recipe = {"source": source.describe(), "options": options_of_bytes}
    maker = _Maker(source, options, rates)
    finished = (folder / FILE_NAME).is_file()  # and may be read-only
    with nullcontext() if finished else output_lock(folder, "folder", wait=True):
        started = check_recipe(folder, list(places), recipe, [source.key(index) for index in range(len(source))])
        found = report_of(source).faults
        faults = BuildFaults(folder, found, len(source) + len(found), options.max_faults, started)
        counts = {
            split: _build_split(folder / split, maker, indices, recipe, faults, workers, progress)
            for split, indices in places.items()
        }
        if not (folder / FILE_NAME).is_file():
            train_text_tokenizer(training_texts(folder / "train", progress), folder, options.vocab_size)
        (folder / PICTURES).unlink(missing_ok=True)
    return counts


def split_by_identity(source: Source, options: BuildOptions) -> dict[str, list[int]]:
    """Indices of the images in each split. A hash of the identity and the seed chooses the split.

    Raises:
        ConfigError: If a requested split would be empty.
    """
    places: dict[str, list[int]] = {split: [] for split in SPLITS if split == "train" or options.validation > 0}
    for index in range(len(source)):
        person = source.identity(index).casefold()  # tables write one name with and without capitals
        digest = blake2b(f"{options.seed}/{person}".encode(), digest_size=8).digest()
        share = int.from_bytes(digest, "big") / 2**64
        places["val" if share < options.validation else "train"].append(index)
    for split, indices in places.items():
        if not indices:
            raise ConfigError(
                f"validation={options.validation}: none of the {len(source)} pictures falls into {split}/; "
                "add pictures or change validation"
            )
    return places


class _Maker:
    """Turns source items into samples. Each worker process receives it once."""

    def __init__(self, source: Source, options: BuildOptions, rates: Mapping[str, float]) -> None:
        self.source, self.options, self.rates = source, options, rates

    def __call__(self, indices: Sequence[int]) -> list[Sample | SampleFault]:
        items = read_items(self.source, indices)
        return [
            item if isinstance(item, SampleFault) else self._sample(index, item)
            for index, item in zip(indices, items, strict=True)
        ]

    def _sample(self, index: int, item: SourceItem) -> Sample:
        options = self.options
        seed = _seed(options.seed, self.source.key(index))
        captions = item.captions or _write_captions(item.record, seed, options.captions)
        questions: Sequence[Question] = item.questions
        if not questions and options.num_questions:
            questions = ask_questions(item.record, seed, options.num_questions, self.rates)
        metadata = Metadata(
            source=self.source.name,
            license=item.license,
            caption=captions[0] if captions else None,
            captions=captions[1:],
            attributes=item.record,
            qa=tuple(questions),
            provenance=_provenance(item, bool(captions), bool(questions)),
            identity=self.source.identity(index),
        )
        image = item.image
        if not isinstance(image, EncodedImage):
            image = EncodedImage(encode_jpeg(image, options.quality), "jpg")
        return Sample(self.source.key(index), image.data, image.extension, metadata)


def _provenance(item: SourceItem, captioned: bool, asked: bool) -> dict[str, Any]:
    """The provenance of a sample: the item's own, the steps of this build, and which texts the source wrote."""
    steps = ["collect", *(["caption"] if captioned else []), *(["ask"] if asked else [])]
    if isinstance(before := item.provenance.get("steps"), list):  # a data set of this project, taken over as it is
        return {**item.provenance, "steps": [*before, *(step for step in steps if step not in before)]}
    kept = [*(["captions"] if item.captions else []), *(["questions"] if item.questions else [])]
    return {**item.provenance, "steps": steps, **({"from_source": kept} if kept else {})}


def _build_split(
    folder: Path,
    maker: _Maker,
    indices: Sequence[int],
    recipe: Mapping[str, Any],
    faults: BuildFaults,
    workers: int,
    progress: Progress | None,
) -> int:
    """Writes one split, and returns its number of samples."""
    total = len(indices)
    if has_index(folder):
        return len(load_index(folder))
    with ShardWriter(folder, maker.options.samples_per_shard, recipe=recipe) as writer:
        position = _resume_at([maker.source.key(index) for index in indices], writer.completed_keys)
        faults.resume(folder.name, position)
        chunks = [indices[i : i + _CHUNK] for i in range(position, total, _CHUNK)]
        for made in _in_order(maker, chunks, workers):
            for sample in made:
                fault = sample if isinstance(sample, SampleFault) else _write(writer, sample)
                if fault:
                    faults.add(folder.name, position, fault)
                position += 1
            faults.check()
            if progress:
                progress(position, total, f"{folder.name}: faces, captions, questions")
        if not writer.num_written:
            raise DataError(
                f"all {total:,} pictures of {folder.name}/ are faulty, the first: {faults.first}. All are listed in "
                f"{faults.path}: fix them, or change validation"
            )
    return len(load_index(folder))


def _write(writer: ShardWriter, sample: Sample) -> SampleFault | None:
    """Writes a sample. Returns the fault if the metadata violates the schema, e.g. a caption is too long."""
    try:
        writer.write(sample)
    except SampleFault as fault:
        return fault
    return None


def _resume_at(keys: Sequence[str], completed: Set[str]) -> int:
    """Index of the first image to build: the one after the last image in a finished shard."""
    return max((place for place, key in enumerate(keys, start=1) if key in completed), default=0)


_worker_maker: _Maker | None = None


def _set_maker(maker: _Maker) -> None:
    global _worker_maker  # noqa: PLW0603 - one per process: a source may be too large to send with every chunk
    _worker_maker = maker


def _make(indices: Sequence[int]) -> list[Sample | SampleFault]:
    assert _worker_maker is not None
    return _worker_maker(indices)


def _in_order(maker: _Maker, chunks: Sequence[Sequence[int]], workers: int) -> Iterator[list[Sample | SampleFault]]:
    if workers <= 1 or len(chunks) < 2:
        yield from map(maker, chunks)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(workers, len(chunks)), _set_maker, (maker,)) as pool:
        yield from pool.imap(_make, chunks)


def _rates(source: Source, indices: Sequence[int]) -> dict[str, float]:
    step = max(1, len(indices) // _RATES_FROM)
    return measure_rates(source.record(index) for index in islice(indices, 0, None, step))


def _write_captions(record: AttributeRecord, seed: int, styles: Sequence[Style]) -> tuple[str, ...]:
    """One caption of each style; repeated styles use different seeds."""
    again = [styles[:place].count(style) for place, style in enumerate(styles)]
    return tuple(write_caption(record, seed + (n << 64), style) for n, style in zip(again, styles, strict=True))


def _seed(seed: int, key: str) -> int:
    return int.from_bytes(blake2b(f"{seed}/{key}".encode(), digest_size=6).digest(), "big")


def training_texts(folder: Path, progress: Progress | None) -> Iterator[str]:
    """All captions, questions and answers of a shard folder, for the text tokenizer.

    Args:
        folder: The shard folder.
        progress: Called with the number of samples read, every 500 samples; None for no reports.
    """
    reader = ShardReader(folder)
    for done, sample in enumerate(reader, start=1):
        yield from (text for text in (sample.metadata.caption, *sample.metadata.captions) if text)
        yield from (text for question in sample.metadata.qa for text in (question.question, question.answer))
        if progress and (done % 500 == 0 or done == len(reader)):
            progress(done, len(reader), "text tokenizer")
