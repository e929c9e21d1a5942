"""The evaluation set of a unified model: faces of a split, with captions, questions and true labels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unif2ace.attributes import AttributeRecord
from unif2ace.data.shards import ShardReader, has_index
from unif2ace.errors import ConfigError, DataError
from unif2ace.language.question import Question

if TYPE_CHECKING:
    from torch import Tensor

Which = Literal["any", "long", "short"]
SCORED = ("yes_no", "which", "what", "count")
"""Kinds of questions whose answers can be scored automatically."""


@dataclass(frozen=True, slots=True)
class EvalSet:
    """S faces with captions, questions and A labels each.

    Attributes:
        images: uint8 (S, 3, H, W).
        captions: One caption per face.
        records: Attributes of the faces.
        true: int8 (S, A), the labels: 1 true, 0 false, -1 not visible or not labelled.
        questions: Random pairs of a face's index and a question about the face.
        unscored: Number of questions that were skipped because of their kind.
        keys: Sample keys of the faces.
    """

    images: Tensor
    captions: tuple[str, ...]
    records: tuple[AttributeRecord, ...]
    true: Tensor
    questions: tuple[tuple[int, Question], ...]
    unscored: int
    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)


def open_split(folder: str | Path, split: str = "val") -> list[ShardReader]:
    """The reader of a data set's split, or of the whole folder if it has no splits.

    Raises:
        DataError: If there are no shards.
    """
    folder = Path(folder)
    return [ShardReader(folder / split if has_index(folder / split) else folder)]


def gather(
    readers: Sequence[ShardReader], samples: int, questions: int, caption: Which = "long", seed: int = 0
) -> EvalSet:
    """Chooses random faces and random questions about them.

    Args:
        readers: Readers of the split.
        samples: Maximum number of faces.
        questions: Maximum number of questions.
        caption: Which caption of a face is its prompt.
        seed: Seed of the choice.

    Raises:
        ConfigError: If fewer than two faces are requested.
        DataError: If the split has fewer, or a face has no caption.
    """
    import numpy as np
    import torch

    from unif2ace.data.tasks.base import attribute_labels
    from unif2ace.data.tasks.text_to_image import pick_captions

    if samples < 2:
        raise ConfigError(f"scores.samples={samples}: at least 2, or nothing can be shuffled")
    draw = random.Random(f"scores/{seed}")
    places = [(reader, index) for reader in readers for index in range(len(reader))]
    if len(places) < 2:
        raise DataError(f"{readers[0].folder} has {len(places)} samples: scores need at least 2")
    chosen = [reader.decoded(index) for reader, index in draw.sample(places, min(samples, len(places)))]
    asked = [(number, q) for number, sample in enumerate(chosen) for q in sample.metadata.qa]
    scored = [(number, q) for number, q in asked if q.kind in SCORED]
    labels = [attribute_labels(sample.metadata.attributes) for sample in chosen]
    return EvalSet(
        images=torch.from_numpy(np.stack([sample.image for sample in chosen])).permute(0, 3, 1, 2).contiguous(),
        captions=tuple(pick_captions(sample, caption, 1, draw)[0] for sample in chosen),
        records=tuple(sample.metadata.record for sample in chosen),
        true=torch.from_numpy(np.stack(labels)),
        questions=tuple(draw.sample(scored, min(questions, len(scored)))),
        unscored=len(asked) - len(scored),
        keys=tuple(sample.key for sample in chosen),
    )


def others(count: int, seed: int) -> list[int]:
    """For each index a different index, each used once: one random cycle.

    Args:
        count: Number of indices, at least 2.
        seed: Seed of the cycle.
    """
    order = list(range(count))
    random.Random(f"others/{seed}").shuffle(order)
    after = dict(zip(order, order[1:] + order[:1], strict=True))
    return [after[number] for number in range(count)]
