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
        folder: Shards, or ``train`` and ``val`` with shards.
        out: Output folder, with the same splits.
        vocab_size: Vocabulary size of the text tokenizer that is trained on the result.
    """

    folder: Path
    out: Path
    vocab_size: int = 2048

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the sub-folders; one empty name if the folder itself holds shards.

        Raises:
            DataError: If there are no finished shards.
        """
        if has_index(self.folder):
            return ("",)
        found = tuple(split for split in SPLITS if has_index(self.folder / split))
        if not found:
            raise DataError(
                f"{self.folder} holds no finished shards, nor does {self.folder}/train; make them with "
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
    """Runs a step over all splits; what an earlier run finished is not done again.

    Once all parts are finished, a text tokenizer is trained on the text of the first split.

    Args:
        step: The step.
        data: The data set.
        part: The part of each split's shards; None for all.
        progress: Called for every batch.

    Raises:
        DataError: If the step cannot continue, or the output folder holds something else.
        ConfigError: If another process works on one of the shards.
    """
    runs = [run_step(step, ShardInput(data.folder / s), data.out / s, part, progress) for s in data.splits]
    if all(run.finished for run in runs) and not (data.out / FILE_NAME).is_file():
        with output_lock(data.out / FILE_NAME, "out", single=True, wait=True):
            train_text_tokenizer(training_texts(data.outputs[0], progress), data.out, data.vocab_size)
    return runs


def estimate(step: Step[Sample], data: DataSet, part: StepPart | None = None) -> Estimate:
    """What `annotate` would do; nothing is written or sent.

    Args:
        step: The step.
        data: The data set.
        part: The part of each split's shards; None for all.

    Raises:
        DataError: If the output folder holds something else.
    """
    found = [estimate_step(step, ShardInput(data.folder / s), data.out / s, part) for s in data.splits]
    lines = dict.fromkeys(chain.from_iterable(one.lines for one in found))
    usage = found[0].usage
    for one in found[1:]:
        usage += one.usage
    return Estimate(sum(one.samples for one in found), sum(one.finished for one in found), usage, tuple(lines))


def known_rates(folders: Iterable[str | Path], parser: CaptionParser) -> dict[str, float]:
    """The rates that balance questions: how often each value occurs among some thousand samples of the first folder.

    Args:
        folders: Shard folders, such as those of the splits.
        parser: Reads captions, for what attributes do not say.
    """
    reader: Any = ShardReader(next(iter(folders)))
    step = max(1, len(reader) // _RATES_FROM)
    return measure_rates(known_record(reader[index], parser) for index in range(0, len(reader), step))
