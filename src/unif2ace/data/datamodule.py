"""The data that all modules share: a mixture of data sets, prepared for the tasks that a module trains on."""

from __future__ import annotations

import logging
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import lightning.pytorch as pl
from torch import Tensor

from unif2ace.data.batch_order import EvaluationOrder, TrainOrder
from unif2ace.data.batch_sampler import ResumableBatchSampler
from unif2ace.data.collate import Collate, TaskDataset
from unif2ace.data.dataset_mixture import DatasetMixture
from unif2ace.data.datasets.shards import ShardDataset, Split
from unif2ace.data.image_sizes import common_size
from unif2ace.data.loader import ResumableLoader
from unif2ace.data.long_texts import LongTexts
from unif2ace.data.result_cache import cached_tensors
from unif2ace.data.shards import DropLog, Rules, SampleFault, ShardReader, TolerantReader
from unif2ace.data.shards.fingerprint import index_fingerprint
from unif2ace.data.tasks.base import TrainingTask
from unif2ace.data.tasks.text_to_image import TextToImageTask
from unif2ace.data.text_tokenizer import TextTokenizer
from unif2ace.data.token_reader import Read
from unif2ace.data.word_contrasts import as_ids, contrasts, read_questions
from unif2ace.errors import ConfigError
from unif2ace.types import Batch, Contrasts

log = logging.getLogger(__name__)


class FaceDataModule(pl.LightningDataModule):
    """Faces, captions and questions as `Batch`, with exact resume in the middle of an epoch.

    The global batch is the sum of the tasks' `batch_size`, whatever the number of processes; each rank gets an equal
    part of every task. Set ``use_distributed_sampler: false`` in the Trainer, because samples are distributed here.

    Args:
        datasets: Data sets by name.
        tasks: Tasks by name.
        text_tokenizer: File or folder of the text tokenizer; by default the one beside the first data set.
        max_text_tokens: Maximum number of ids of a text with its special ids. Longer captions are cut, questions that
            do not fit are left out; the first long text and the number of all are logged.
        segmentation_dropout: Share of the training steps whose captions as prompts are read without tokens of
            several words, so that the model also knows phrases that it has not seen, see `superword_merges`.
        num_workers: Processes that read and decode; 0 reads in the training process. The samples are the same.
        seed: Seed of the order and of the samples' randomness.
        steps_per_epoch: Training steps between two validations; by default one pass through the data.
        max_eval_samples: Maximum number of samples of each data set in validation; None for all.
        max_drop_fraction: Share of faulty samples above which reading fails; others are replaced and counted.
        inputs: ``pixels``, ``tokens`` or ``both``; by default tokens if all data sets have them. With ``tokens``
            images are not decoded.
        prepare_per_node: Whether each machine builds missing data, for machines with their own disks. Otherwise one
            process builds for all, which suits a shared file system.

    Attributes:
        image_size: Width and height of all images in pixels, known after `setup`; None if it is not known.

    Raises:
        ConfigError: If no data set or no task is given, `inputs` is unknown, or a number is out of its range.
    """

    def __init__(  # noqa: PLR0913 - one argument per option
        self,
        datasets: Mapping[str, ShardDataset],
        tasks: Mapping[str, TrainingTask],
        *,
        text_tokenizer: str | Path | None = None,
        max_text_tokens: int = 256,
        segmentation_dropout: float = 0.0,
        num_workers: int = 0,
        seed: int = 0,
        steps_per_epoch: int | None = None,
        max_eval_samples: int | None = None,
        max_drop_fraction: float = 0.01,
        inputs: Read | None = None,
        prepare_per_node: bool = False,
    ) -> None:
        super().__init__()
        if not datasets:
            raise ConfigError("no data set: select one, such as dataset=synthetic")
        if not tasks:
            raise ConfigError("no task: select what to train on, such as task=[text_to_image,understanding]")
        self.datasets = dict(datasets)
        self._logged_splits: set[tuple[str, str]] = set()
        self.tasks = dict(sorted(tasks.items(), key=lambda item: item[1].task))  # samples are in the order of `Task`
        self.text_tokenizer_path = text_tokenizer
        self.max_text_tokens, self.num_workers, self.seed = max_text_tokens, num_workers, seed
        self.segmentation_dropout = segmentation_dropout
        self.steps_per_epoch, self.max_eval_samples = steps_per_epoch, max_eval_samples
        self.max_drop_fraction = max_drop_fraction
        self.image_size: tuple[int, int] | None = None
        self._long_texts = LongTexts(max_text_tokens)
        self.prepare_data_per_node = prepare_per_node  # Lightning reads it
        for key in ("steps_per_epoch", "max_eval_samples"):
            if getattr(self, key) is not None and getattr(self, key) < 1:
                raise ConfigError(f"data.{key}={getattr(self, key)}: it must be 1 or more, or null")
        if inputs not in (None, *get_args(Read)):
            raise ConfigError(f"data.inputs={inputs!r}: it must be one of {', '.join(get_args(Read))}, or null")
        if not 0 <= segmentation_dropout <= 1:
            raise ConfigError(f"data.segmentation_dropout={segmentation_dropout}: it must be between 0 and 1")
        if num_workers < 0:
            raise ConfigError(f"data.num_workers={num_workers}: give 0 or more")
        tokenised = all(dataset.tokens for dataset in self.datasets.values())
        self.inputs: Read = inputs or ("tokens" if tokenised else "pixels")

    def prepare_data(self) -> None:
        """Builds data sets that can be built; Lightning calls it once for the run, or once per machine."""
        for dataset in self.datasets.values():
            dataset.prepare()

    def setup(self, stage: str) -> None:
        """Checks that this machine can read data that another may have built, and that all images have one size.

        Raises:
            ConfigError: If a folder does not exist on this machine.
            DataError: If images differ in size.
        """
        several = self.trainer is not None and self.trainer.num_nodes > 1
        for name, dataset in self.datasets.items():
            if several and not self.prepare_data_per_node and not dataset.folder.is_dir():
                raise ConfigError(
                    f"data set {name!r}: there is no {dataset.folder} on this machine: set data.prepare_per_node=true "
                    "if its disk is its own, or give a folder that all machines share"
                )
        if not all(dataset.folder.is_dir() for dataset in self.datasets.values()):
            return  # the loaders report it
        splits: tuple[Split, ...] = ("train", "val") if stage == "fit" else ("val",)
        found = [(f"data set {name!r}, {split}", reader) for split in splits for name, reader in self._readers(split)]
        self.image_size = common_size(found)

    @cached_property
    def text_tokenizer(self) -> TextTokenizer | None:
        """The text tokenizer, or None if no task has text."""
        if not any(task.needs_text for task in self.tasks.values()):
            return None
        return TextTokenizer(self.text_tokenizer_path or next(iter(self.datasets.values())).folder)

    @cached_property
    def tokenizer_fingerprint(self) -> str | None:
        """Fingerprint of the image tokenizer whose tokens are read; None without tokens, or if their index has none.

        Raises:
            ConfigError: If the data sets were tokenised by different tokenizers.
        """
        if self.inputs == "pixels":
            return None
        found = {name: dataset.tokenizer_fingerprint for name, dataset in self.datasets.items()}
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} by {str(value)[:12]}" for name, value in found.items())
            raise ConfigError(f"data sets were tokenised by different tokenizers: {listed}; tokenise them with one")
        return next(iter(found.values()))

    def expect_tokenizer(self, fingerprint: str) -> None:
        """Checks that the tokens come from one image tokenizer; pixels work with any.

        Args:
            fingerprint: Fingerprint of its weights.

        Raises:
            ConfigError: If the tokens come from another tokenizer.
        """
        found = self.tokenizer_fingerprint
        if self.inputs != "pixels" and found != fingerprint:
            raise ConfigError(
                f"the data was tokenised by tokenizer {str(found)[:12]}, this is {fingerprint[:12]}: give that one, or "
                "make the tokens again with `unif2ace-data tokenize`"
            )

    @property
    def batch_sizes(self) -> dict[str, int]:
        """Global batch size of each task."""
        return {name: task.batch_size for name, task in self.tasks.items()}

    def train_dataloader(self) -> ResumableLoader:
        """An endless, shuffled mixture, divided into epochs."""
        readers = [reader for _, reader in self._open("train")]
        mixture = DatasetMixture([len(r) for r in readers], [d.weight for d in self.datasets.values()], self.seed)
        _say_repeats(self.batch_sizes, mixture)
        rank, world_size = self._place()
        order = TrainOrder(mixture, self.batch_sizes, rank, world_size, self.steps_per_epoch)
        return self._loader(readers, order)

    def val_dataloader(self) -> ResumableLoader:
        """Every sample of the validation split once for each task, in order."""
        readers = [reader for _, reader in self._open("val")]
        rank, world_size = self._place()
        order = EvaluationOrder([len(r) for r in readers], self.batch_sizes, rank, world_size, self.max_eval_samples)
        return self._loader(readers, order)

    test_dataloader = val_dataloader

    def has_labels(self) -> bool:
        """Whether any training sample states an attribute."""
        opened = [dataset.open("train", Rules()) for dataset in self.datasets.values()]
        readers = [reader for reader in opened if reader is not None]
        if any(map(sum, (counts for reader in readers for counts in reader.index.labels.values()))):
            return True
        # The index counts the 46 labels only; details, such as the colour of clothes, are in the samples.
        return any(_states_any(reader, index) for reader in readers for index in range(len(reader)))

    def captions(self, number: int) -> ResumableLoader:
        """Images of the training split, each with one of its captions, in order.

        Half of the batches are read without tokens of several words, so that words and phrases both occur.

        Args:
            number: Maximum number of images of each data set.
        """
        readers = [reader for _, reader in self._open("train")]
        task = TextToImageTask(batch_size=64)
        order = EvaluationOrder([len(r) for r in readers], {"captions": task.batch_size}, 0, 1, number)
        return self._loader(readers, order, [task], segmentation_dropout=0.5)

    def contrasts(self, number: int) -> Contrasts:
        """Contrasting texts from questions about the same faces, indexed as the samples of `captions`.

        Args:
            number: Maximum number of faces of each data set.
        """
        assert self.text_tokenizer is not None
        asked = read_questions([reader for _, reader in self._open("train")], number)
        return as_ids(contrasts(asked, random.Random(f"{self.seed}/contrasts")), self.text_tokenizer)

    def cached(
        self, name: str, settings: Mapping[str, Any], compute: Callable[[], Mapping[str, Tensor]]
    ) -> Mapping[str, Tensor]:
        """Tensors computed from `captions` and `contrasts`, kept in the folder of the first data set.

        Args:
            name: What they are, in words.
            settings: What they depend on besides the data and the code, as plain JSON.
            compute: Computes tensors of any shape (...) by name.
        """
        assert self.text_tokenizer is not None
        data = {
            "sets": [[index_fingerprint(reader.index), len(reader)] for _, reader in self._open("train")],
            "text": self.text_tokenizer.fingerprint,
            "options": [self.seed, self.max_text_tokens, self.inputs],
        }
        return cached_tensors(next(iter(self.datasets.values())).folder, name, {**data, **settings}, compute)

    def _open(self, split: Split) -> list[tuple[str, ShardReader]]:
        found = self._readers(split)
        missing = self.datasets.keys() - {name for name, _ in found}
        if missing and (split == "train" or not found):
            raise ConfigError(
                f"data set {sorted(missing)[0]!r} has no {split!r} split; "
                "`unif2ace-data import` writes one by identity, or set trainer.limit_val_batches=0 to train without"
            )
        for name, reader in found:
            if (name, split) not in self._logged_splits:  # it is opened several times
                log.info("%s, %s: %d samples of %s", name, split, len(reader), reader.folder)
            self._logged_splits.add((name, split))
        return found

    def _readers(self, split: Split) -> list[tuple[str, ShardReader]]:
        rules = Rules(require=("caption",) if self.text_tokenizer else ())
        opened = {name: dataset.open(split, rules, self.inputs) for name, dataset in self.datasets.items()}
        return [(name, reader) for name, reader in opened.items() if reader is not None]

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        kwargs = getattr(self.trainer.strategy, "distributed_sampler_kwargs", None) or {}
        return int(kwargs.get("rank", 0)), int(kwargs.get("num_replicas", 1))

    def _loader(
        self,
        readers: list[ShardReader],
        order: TrainOrder | EvaluationOrder,
        tasks: Sequence[TrainingTask] | None = None,
        segmentation_dropout: float = 0.0,
    ) -> ResumableLoader:
        drops = DropLog(self.max_drop_fraction)
        return ResumableLoader(
            TaskDataset([TolerantReader(r, drops) for r in readers], tasks or [*self.tasks.values()], self.seed),
            ResumableBatchSampler(order),
            Collate(
                self.text_tokenizer,
                self.max_text_tokens,
                self.segmentation_dropout if isinstance(order, TrainOrder) else segmentation_dropout,
                self.seed,
                order.batch_sizes,
            ),
            self.num_workers,
            _leave_signals,
        )

    def teardown(self, stage: str) -> None:
        """Logs how many texts did not fit."""
        self._long_texts.report()

    def transfer_batch_to_device(self, batch: Batch, device: Any, dataloader_idx: int) -> Batch:
        """Moves a batch to the device, and counts texts that did not fit."""
        if self.trainer is not None and self.trainer.training:
            self._long_texts.add(batch)
        return batch.to(device, non_blocking=True)


def _say_repeats(batch_sizes: Mapping[str, int], mixture: DatasetMixture) -> None:
    """Logs that a step takes more samples than there are, which is more often a mistake than wanted."""
    for name, size in batch_sizes.items():
        if size > mixture.epoch:
            log.warning(
                "task.%s.batch_size=%d is more than a pass through the data, which has %d samples: one step takes them "
                "%.3g times",
                name,
                size,
                mixture.epoch,
                size / mixture.epoch,
            )


def _states_any(reader: ShardReader, index: int) -> bool:
    try:
        return any(value is not None for value in reader[index].metadata.attributes.values())
    except SampleFault:  # counted where samples are read
        return False


def _leave_signals(worker: int) -> None:
    """Ignores signals to the whole job in workers: a worker that exits on one ends the run before it is saved."""
    for name in ("SIGTERM", "SIGUSR1", "SIGUSR2"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
