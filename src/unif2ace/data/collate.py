"""From samples to rows to a `Batch`: runs in the loader's worker processes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unif2ace.data.dataset_mixture import SampleRef
from unif2ace.data.shards import TolerantReader
from unif2ace.data.tasks.base import TaskSample, TrainingTask
from unif2ace.data.text_tokenizer import TextTokenizer
from unif2ace.data.token_reader import TokenisedSample
from unif2ace.errors import DataError
from unif2ace.types import Batch


class OrderedSample(NamedTuple):
    """A row and where it came from."""

    ref: SampleRef
    row: TaskSample


class TaskDataset(torch.utils.data.Dataset[OrderedSample]):
    """Rows by their reference. The randomness of a row depends on its reference and the seed alone.

    Args:
        readers: The data sets.
        views: What is taken from a sample.
        seed: Key of the rows' randomness.
    """

    def __init__(self, readers: Sequence[TolerantReader], tasks: Sequence[TrainingTask], seed: int) -> None:
        self.readers, self.tasks, self.seed = tuple(readers), tuple(tasks), seed

    def __getitem__(self, ref: SampleRef) -> OrderedSample:
        """The row that a reference names; in the place of a faulty sample stands the next sound one, not valid."""
        sample = self.readers[ref.dataset].decoded(ref.sample)
        draw = random.Random(f"{self.seed}/{ref.task}/{ref.dataset}/{ref.cycle}/{sample.index}")
        row = self.tasks[ref.task](sample, draw)
        if isinstance(sample, TokenisedSample):
            row = replace(row, image_ids=sample.image_ids)
        return OrderedSample(ref if sample.index == ref.sample else ref._replace(valid=False), row)


class Collate:
    """Puts rows together into a `Batch`.

    Args:
        tokenizer: Turns text into ids; None where no view has text.
        max_text_tokens: Longer prompts and answers are cut to this many ids.
    """

    def __init__(self, tokenizer: TextTokenizer | None, max_text_tokens: int) -> None:
        self.tokenizer, self.max_text_tokens = tokenizer, max_text_tokens

    def __call__(self, placed: Sequence[OrderedSample]) -> Batch:
        """The batch of some rows.

        Raises:
            DataError: If pictures of different sizes, or with different numbers of tokens, meet.
        """
        refs, rows = [p.ref for p in placed], [p.row for p in placed]
        sizes = {row.image.shape[:2]: row.key for row in rows}
        if len(sizes) > 1:
            found = ", ".join(f"{key!r} is {w}x{h}" for (h, w), key in sizes.items())
            raise DataError(f"pictures of one batch differ in size: {found}; import the data sets with one source.size")
        text = {} if self.tokenizer is None else self._text(rows)
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

    def _text(self, rows: Sequence[TaskSample]) -> dict[str, Tensor]:
        assert self.tokenizer is not None
        prompts = self.tokenizer.encode([row.prompt for row in rows])
        prompt, prompt_length = self._padded(prompts)
        ids, said = zip(*(self._conversation(row, len(p)) for row, p in zip(rows, prompts, strict=True)), strict=True)
        answer, answer_length = self._padded(ids)
        text = {"prompt": prompt, "prompt_length": prompt_length, "answer": answer, "answer_length": answer_length}
        return text | ({"answer_said": self._padded(said)[0] > 0} if any(row.turns for row in rows) else {})

    def _conversation(self, row: TaskSample, asked: int) -> tuple[list[int], list[int]]:
        """Ids of the answers with the further questions between them, each ended as `Layout` ends them, but the last
        one; and 1 for those to say, 0 for the others. A further turn that would be cut is left out: half an answer
        teaches to stop halfway. The first question has `asked` ids.
        """
        assert self.tokenizer is not None
        first, *texts = self.tokenizer.encode([row.answer, *(text for turn in row.turns for text in turn)])
        ids, said, end = list(first), [1] * len(first), self.tokenizer.eos_id
        room = self.max_text_tokens - asked - 3  # bos stands before the question and the answer, eos ends the row
        for question, answer in zip(texts[::2], texts[1::2], strict=True):
            turn = [end, *question, end, *answer]
            if len(ids) + len(turn) <= room:
                ids += turn
                # What ends an answer is said, what ends a question is not.
                said += [1, *[0] * (len(question) + 1), *[1] * len(answer)]
        return ids, said

    def _padded(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        assert self.tokenizer is not None
        ids = [i[: self.max_text_tokens] for i in ids]
        columns = zip_longest(*ids, fillvalue=self.tokenizer.pad_id)
        padded = torch.tensor(list(columns), dtype=torch.int64).reshape(-1, len(ids)).T.contiguous()
        return padded, torch.tensor([len(i) for i in ids])


def _image_ids(rows: Sequence[TaskSample]) -> Tensor | None:
    """Tokens int64 (B, N), or None if no row has them."""
    ids = {row.key: row.image_ids for row in rows if row.image_ids is not None}
    numbers = {len(i): key for key, i in ids.items()}
    if len(numbers) > 1:
        found = ", ".join(f"{key!r} has {n}" for n, key in numbers.items())
        raise DataError(f"pictures of one batch differ in tokens: {found}; tokenise data sets of one size")
    return torch.from_numpy(np.stack([ids[row.key] for row in rows])) if ids else None
