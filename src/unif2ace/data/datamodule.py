"""The LightningDataModule of all modules: mixes data sets and prepares their samples for the training tasks."""

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

    The global batch size is the sum of the tasks' `batch_size`; it does not depend on the number of processes. Each
    rank gets an equal part of every task. Set ``use_distributed_sampler: false`` in the Trainer, because this class
    already distributes the samples.

    Args:
        datasets: Data sets by name.
        tasks: Tasks by name.
        text_tokenizer: File or folder of the text tokenizer; None for the one in the first data set's folder.
        max_text_tokens: Maximum number of ids of a text, including special ids. Longer captions are truncated and
            questions that do not fit are left out. The first such text is logged at once; the total is logged at the
            end.
        segmentation_dropout: Probability, per training step, that captions are encoded without tokens of several words
            (see `superword_merges`). The model then also learns to read phrases that have no token.
        num_workers: Number of worker processes that read and decode; 0 reads in the training process. The samples do
            not depend on this number.
        seed: Seed of the sample order and of random choices such as the caption of an image.
        steps_per_epoch: Training steps between two validations; None for one pass through the data.
        max_eval_samples: Maximum number of samples of each data set in validation; None for all.
        max_drop_fraction: Share of faulty samples, in [0, 1], above which reading fails. Below it, faulty samples are
            replaced and counted.
        inputs: What is read of an image: ``pixels``, ``tokens`` or ``both``. None reads tokens if all data sets have
            tokens, otherwise pixels. With ``tokens``, images are not decoded.
        prepare_per_node: Whether each machine builds missing data on its own disk. If false, one process builds the
            data for all machines, which requires a shared file system.

    Attributes:
        image_size: Width and height of all images in pixels. None before `setup`, or if no size can be read.

    Raises:
        ConfigError: If no data set or no task is given, `inputs` is unknown, or a number is out of range.
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
            raise ConfigError("dataset is empty: select a data set, such as dataset=synthetic")
        if not tasks:
            raise ConfigError("task is empty: select what to train on, such as task=[text_to_image,understanding]")
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
            raise ConfigError(f"data.num_workers={num_workers}: it must be 0 or more")
        tokenised = all(dataset.tokens for dataset in self.datasets.values())
        self.inputs: Read = inputs or ("tokens" if tokenised else "pixels")

    def prepare_data(self) -> None:
        """Builds missing data sets. Lightning calls it once per run, or per machine if `prepare_per_node` is true."""
        for dataset in self.datasets.values():
            dataset.prepare()

    def setup(self, stage: str) -> None:
        """Checks that the data folders exist on this machine and that all images have one size.

        Raises:
            ConfigError: If a folder does not exist on this machine.
            DataError: If images differ in size.
        """
        several = self.trainer is not None and self.trainer.num_nodes > 1
        for name, dataset in self.datasets.items():
            if several and not self.prepare_data_per_node and not dataset.folder.is_dir():
                raise ConfigError(
                    f"data set {name!r}: the folder {dataset.folder} does not exist on this machine; set "
                    "data.prepare_per_node=true if machines have their own disks, or give a folder that all share"
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
        """Fingerprint of the image tokenizer that made the tokens; None for pixels, or if no index names one.

        Raises:
            ConfigError: If the data sets were tokenised by different tokenizers.
        """
        if self.inputs == "pixels":
            return None
        found = {name: dataset.tokenizer_fingerprint for name, dataset in self.datasets.items()}
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} by {str(value)[:12]}" for name, value in found.items())
            raise ConfigError(f"data sets were tokenised by different tokenizers: {listed}; tokenise all with one")
        return next(iter(found.values()))

    def expect_tokenizer(self, fingerprint: str) -> None:
        """Checks that the tokens were made by a given image tokenizer. Passes always if pixels are read.

        Args:
            fingerprint: Fingerprint of the image tokenizer's weights.

        Raises:
            ConfigError: If the tokens come from another tokenizer.
        """
        found = self.tokenizer_fingerprint
        if self.inputs != "pixels" and found != fingerprint:
            raise ConfigError(
                f"the data holds tokens of image tokenizer {str(found)[:12]}, but the model uses {fingerprint[:12]}; "
                "set image_tokenizer to the data's tokenizer, or make the tokens again with `unif2ace-data tokenize`"
            )

    @property
    def batch_sizes(self) -> dict[str, int]:
        """Global batch size of each task."""
        return {name: task.batch_size for name, task in self.tasks.items()}

    def train_dataloader(self) -> ResumableLoader:
        """Loader of an endless, shuffled mixture of the training splits, divided into epochs."""
        readers = [reader for _, reader in self._open("train")]
        mixture = DatasetMixture([len(r) for r in readers], [d.weight for d in self.datasets.values()], self.seed)
        _say_repeats(self.batch_sizes, mixture)
        rank, world_size = self._place()
        order = TrainOrder(mixture, self.batch_sizes, rank, world_size, self.steps_per_epoch)
        return self._loader(readers, order)

    def val_dataloader(self) -> ResumableLoader:
        """Loader of every validation sample once per task, in order."""
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

        Half of the batches are encoded without tokens of several words. Both words and phrases then occur as tokens.

        Args:
            number: Maximum number of images of each data set.
        """
        readers = [reader for _, reader in self._open("train")]
        task = TextToImageTask(batch_size=64)
        order = EvaluationOrder([len(r) for r in readers], {"captions": task.batch_size}, 0, 1, number)
        return self._loader(readers, order, [task], segmentation_dropout=0.5)

    def contrasts(self, number: int) -> Contrasts:
        """Contrasting texts from questions about faces. Face indices are sample positions in `captions`.

        Args:
            number: Maximum number of faces of each data set.
        """
        assert self.text_tokenizer is not None
        asked = read_questions([reader for _, reader in self._open("train")], number)
        return as_ids(contrasts(asked, random.Random(f"{self.seed}/contrasts")), self.text_tokenizer)

    def cached(
        self, name: str, settings: Mapping[str, Any], compute: Callable[[], Mapping[str, Tensor]]
    ) -> Mapping[str, Tensor]:
        """Tensors computed from `captions` and `contrasts`, cached in the folder of the first data set.

        Args:
            name: Name of the tensors, for messages and the file name.
            settings: Further settings that the tensors depend on, as plain JSON; data and code are already part of the
                key.
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
                f"data set {sorted(missing)[0]!r} has no {split!r} split; write one with `unif2ace-data import`, or "
                "set trainer.limit_val_batches=0 to train without validation"
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
        """Logs the number of texts longer than `max_text_tokens`."""
        self._long_texts.report()

    def transfer_batch_to_device(self, batch: Batch, device: Any, dataloader_idx: int) -> Batch:
        """Moves a batch to the device. Training batches also count towards the report of long texts."""
        if self.trainer is not None and self.trainer.training:
            self._long_texts.add(batch)
        return batch.to(device, non_blocking=True)


def _say_repeats(batch_sizes: Mapping[str, int], mixture: DatasetMixture) -> None:
    """Warns if one step takes more samples than a pass through the data has, usually a mistake."""
    for name, size in batch_sizes.items():
        if size > mixture.epoch:
            log.warning(
                "task.%s.batch_size=%d is more than one pass through the data (%d samples): each step repeats samples, "
                "%.3g times on average; reduce the batch size unless this is intended",
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
    """Ignores job signals in a worker: a worker that exits ends the run before its checkpoint is saved."""
    for name in ("SIGTERM", "SIGUSR1", "SIGUSR2"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
