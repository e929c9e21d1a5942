"""Runs `caption`, `correct` and `ask` over the splits of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from unif2ace.curation.ask import known_record
from unif2ace.curation.inputs import ShardInput
from unif2ace.curation.part import StepPart
from unif2ace.curation.running import StepRun, estimate_step, run_step
from unif2ace.curation.step import Estimate, Step
from unif2ace.data.build import training_texts
from unif2ace.data.output_lock import output_lock
from unif2ace.data.shards import Progress, Sample, ShardReader, has_index
from unif2ace.data.text_tokenizer import FILE_NAME, train_text_tokenizer
from unif2ace.errors import DataError
from unif2ace.language import measure_rates
from unif2ace.language.caption_parser import CaptionParser

SPLITS = ("train", "val")
_RATES_FROM = 4096


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set to annotate, and where the result goes.

    Attributes:
        folder: A shard folder, or a folder with the shard folders ``train`` and ``val``.
        out: Output folder; it gets the same sub-folders.
        vocab_size: Vocabulary size of the text tokenizer trained on the result.
    """

    folder: Path
    out: Path
    vocab_size: int = 2048

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the sub-folders that hold shards; ``("",)`` if the folder itself holds them.

        Raises:
            DataError: If there are no finished shards.
        """
        if has_index(self.folder):
            return ("",)
        found = tuple(split for split in SPLITS if has_index(self.folder / split))
        if not found:
            raise DataError(
                f"{self.folder} and {self.folder}/train hold no finished shards; make them with "
                "`unif2ace-data collect`, `import` or `index`"
            )
        return found

    @property
    def outputs(self) -> list[Path]:
        """The output folder of each split."""
        return [self.out / split for split in self.splits]


def annotate(
    step: Step[Sample], data: DataSet, part: StepPart | None = None, progress: Progress | None = None
) -> list[StepRun]:
    """Runs a step over all splits. Samples that an earlier run finished are not repeated.

    Once all parts are finished, a text tokenizer is trained on the text of the first split.

    Args:
        step: The step.
        data: The data set.
        part: Which shards of each split to process; None for all.
        progress: Called after every sample.

    Raises:
        DataError: If the step cannot continue, or the output folder holds the result of other settings.
        ConfigError: If another process is writing one of the shards.
    """
    runs = [run_step(step, ShardInput(data.folder / s), data.out / s, part, progress) for s in data.splits]
    if all(run.finished for run in runs) and not (data.out / FILE_NAME).is_file():
        with output_lock(data.out / FILE_NAME, "out", single=True, wait=True):
            train_text_tokenizer(training_texts(data.outputs[0], progress), data.out, data.vocab_size)
    return runs


def estimate(step: Step[Sample], data: DataSet, part: StepPart | None = None) -> Estimate:
    """Estimates what `annotate` would do, without writing or sending anything.

    Args:
        step: The step.
        data: The data set.
        part: Which shards of each split to process; None for all.

    Raises:
        DataError: If the output folder holds the result of other settings.
    """
    found = [estimate_step(step, ShardInput(data.folder / s), data.out / s, part) for s in data.splits]
    lines = dict.fromkeys(chain.from_iterable(one.lines for one in found))
    usage = found[0].usage
    for one in found[1:]:
        usage += one.usage
    return Estimate(sum(one.samples for one in found), sum(one.finished for one in found), usage, tuple(lines))


def known_rates(folders: Iterable[str | Path], parser: CaptionParser) -> dict[str, float]:
    """Frequency of each attribute value in about 4,000 samples of the first folder; it balances the questions.

    Args:
        folders: Shard folders, such as ``train`` and ``val``; only the first is read.
        parser: Reads attributes from captions where the labels leave them unknown.
    """
    reader: Any = ShardReader(next(iter(folders)))
    step = max(1, len(reader) // _RATES_FROM)
    return measure_rates(known_record(reader[index], parser) for index in range(0, len(reader), step))
