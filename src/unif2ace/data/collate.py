"""Collates samples into a `Batch` in the loader's workers. Shapes: B samples, N image tokens, T text tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unif2ace.data.dataset_mixture import SampleRef
from unif2ace.data.shards import TolerantReader
from unif2ace.data.tasks.base import TaskSample, TrainingTask
from unif2ace.data.text_tokenizer import TextTokenizer
from unif2ace.data.token_reader import TokenisedSample
from unif2ace.errors import DataError
from unif2ace.sequence.conversation import Conversation, fits, join_turns
from unif2ace.types import Batch, Task


class OrderedSample(NamedTuple):
    """A training sample and the `SampleRef` it was read by."""

    ref: SampleRef
    row: TaskSample


class TaskDataset(torch.utils.data.Dataset[OrderedSample]):
    """Map-style data set indexed by `SampleRef`. A sample's random choices depend only on its reference and the seed.

    Args:
        readers: Readers of the data sets, indexed by `SampleRef.dataset`.
        tasks: Tasks that turn stored samples into training samples, indexed by `SampleRef.task`.
        seed: Seed of the samples' random choices.
    """

    def __init__(self, readers: Sequence[TolerantReader], tasks: Sequence[TrainingTask], seed: int) -> None:
        self.readers, self.tasks, self.seed = tuple(readers), tuple(tasks), seed

    def __getitem__(self, ref: SampleRef) -> OrderedSample:
        """The sample of a reference. A faulty sample is replaced by the next readable one, marked invalid."""
        sample = self.readers[ref.dataset].decoded(ref.sample)
        draw = random.Random(f"{self.seed}/{ref.task}/{ref.dataset}/{ref.cycle}/{sample.index}")
        row = self.tasks[ref.task](sample, draw)
        if isinstance(sample, TokenisedSample):
            row = replace(row, image_ids=sample.image_ids)
        return OrderedSample(ref if sample.index == ref.sample else ref._replace(valid=False), row)


class _Text(NamedTuple):
    """Token ids of a sample, whether one of its texts alone exceeds the limit, and the number of turns left out."""

    text: Conversation
    is_long: bool
    left_out: int = 0


class Collate:
    """Collates samples into a `Batch`.

    Args:
        tokenizer: The text tokenizer; None if no task has text.
        max_text_tokens: Maximum number of ids of a text, including special ids. Longer captions are truncated and turns
            that do not fit are left out. `Batch.long_texts` and `Batch.turns_left_out` record both.
        segmentation_dropout: Probability, per training step, that captions are encoded without tokens of several words.
            Questions and answers are always encoded without such tokens. The choice is per step, because the longest
            text sets the padded length of the whole step.
        seed: Seed of the choice of these steps; the choice depends on the seed and the step number.
        batch_sizes: Global batch size of each task; only needed if `segmentation_dropout` > 0.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer | None,
        max_text_tokens: int,
        segmentation_dropout: float = 0.0,
        seed: int = 0,
        batch_sizes: Sequence[int] = (),
    ) -> None:
        self.tokenizer, self.max_text_tokens = tokenizer, max_text_tokens
        self.segmentation_dropout, self.seed, self.batch_sizes = segmentation_dropout, seed, tuple(batch_sizes)

    def __call__(self, placed: Sequence[OrderedSample]) -> Batch:
        """Collates samples into one batch.

        Raises:
            DataError: If the images differ in size or in number of tokens.
        """
        refs, rows = [p.ref for p in placed], [p.row for p in placed]
        sizes = {row.image.shape[:2]: row.key for row in rows}
        if len(sizes) > 1:
            found = ", ".join(f"{key!r} is {w}x{h}" for (h, w), key in sizes.items())
            raise DataError(f"pictures of one batch differ in size: {found}; import all with one source.size")
        text = {} if self.tokenizer is None else self._text(rows, [self._by_words(ref) for ref in refs])
        pixels = np.stack([row.image for row in rows])
        return Batch(
            task=torch.tensor([row.task for row in rows], dtype=torch.int8),
            index=torch.tensor([ref.position for ref in refs]),
            valid=torch.tensor([ref.valid for ref in refs]),
            image=torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous() if pixels.size else None,
            image_ids=_image_ids(rows),
            attributes=torch.from_numpy(np.stack([row.attributes for row in rows])),
            keys=tuple(row.key for row in rows),
            **text,
        )

    def _by_words(self, ref: SampleRef) -> bool:
        """Whether the captions of this sample's step are encoded word by word; the same on all ranks."""
        share = self.segmentation_dropout
        if not share:
            return False
        step = ref.position // self.batch_sizes[ref.task]
        return random.Random(f"{self.seed}/segmentation/{step}").random() < share

    def _text(self, samples: Sequence[TaskSample], by_words: Sequence[bool]) -> dict[str, Any]:
        found = [
            self._conversation(s) if s.task == Task.UNDERSTANDING else self._caption(s, words)
            for s, words in zip(samples, by_words, strict=True)
        ]
        texts = [f.text for f in found]
        width = max(1, *(len(t.ids) for t in texts)) if texts else 1
        assert self.tokenizer is not None
        several = any(t.segment[-1] for t in texts if t.segment)
        text: dict[str, Any] = {
            "text": _padded([t.ids for t in texts], width, self.tokenizer.pad_id),
            "text_length": torch.tensor([len(t.ids) for t in texts]),
            "text_loss": _padded([t.loss for t in texts], width, False),
            "long_texts": tuple(s.key for s, f in zip(samples, found, strict=True) if f.is_long),
            "turns_left_out": sum(f.left_out for f in found),
        }
        return text | ({"text_segment": _padded([t.segment for t in texts], width, 0)} if several else {})

    def _caption(self, sample: TaskSample, by_words: bool) -> _Text:
        assert self.tokenizer is not None
        whole = (self.tokenizer.encode_words if by_words else self.tokenizer.encode)([sample.prompt])[0]
        ids = whole[: self.max_text_tokens - 2]  # bos and eos, see `SequenceLayout.max_prompt`
        return _Text(Conversation(ids, [0] * len(ids), [False] * len(ids)), len(ids) < len(whole))

    def _conversation(self, sample: TaskSample) -> _Text:
        assert self.tokenizer is not None
        turns = (sample.prompt, sample.answer), *sample.turns
        prompts, answers = (self.tokenizer.encode_words(texts) for texts in zip(*turns, strict=True))
        pairs = [*zip(prompts, answers, strict=True)]
        made = join_turns(pairs, self.tokenizer.eos_id, self.max_text_tokens)
        short = sum(fits(*pair, self.max_text_tokens) for pair in pairs)
        return _Text(made, short < len(pairs), short - made.segment[-1] - 1 if short else 0)


def _padded(rows: Sequence[Sequence[int]], width: int, value: int) -> Tensor:
    """Values of each sample, int64 or bool (B, T), padded at the end."""
    padded = torch.full((len(rows), width), value)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = torch.tensor(values, dtype=padded.dtype)
    return padded


def _image_ids(rows: Sequence[TaskSample]) -> Tensor | None:
    """Image tokens int64 (B, N); None if no sample has image tokens."""
    ids = {row.key: row.image_ids for row in rows if row.image_ids is not None}
    numbers = {len(i): key for key, i in ids.items()}
    if len(numbers) > 1:
        found = ", ".join(f"{key!r} has {n}" for n, key in numbers.items())
        raise DataError(f"pictures of one batch differ in number of tokens: {found}; tokenise pictures of one size")
    return torch.from_numpy(np.stack([ids[row.key] for row in rows])) if ids else None
