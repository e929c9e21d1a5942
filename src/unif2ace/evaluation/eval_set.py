"""The evaluation set: faces of a split, with captions, questions, paraphrases and true labels."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unif2ace.attributes import AttributeRecord
from unif2ace.errors import ConfigError, DataError
from unif2ace.evaluation.paraphrases import Paraphrase, paraphrased
from unif2ace.language.question import Question

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.data.question_files.base import QuestionItem
    from unif2ace.data.shards import ShardReader

Which = Literal["any", "long", "short"]
SCORED = ("yes_no", "which", "what", "count")
"""Kinds of questions whose answers can be scored automatically."""


@dataclass(frozen=True, slots=True)
class EvalSet:
    """S faces, each with a caption, questions, A labels and a key that identifies it in the outputs.

    Attributes:
        images: uint8 (S, 3, H, W), the true faces. The system's captions and answers are about these.
        captions: One caption of the data set per face. It is the prompt of the generated face.
        records: Attributes of the faces.
        true: int8 (S, A), the labels: 1 true, 0 false, -1 not visible or not labelled.
        questions: Random pairs (index of the face, question with its true answer).
        unscored: Number of skipped questions: those of kinds not in `SCORED`, or in a question file those about several
            pictures.
        keys: Sample keys of the faces, all different.
        other_keys: For each face, the key of another face. Each question is also asked about that face, to
            measure the floor of the answer scores.
        paraphrases: Yes/no questions in several wordings.
        split: Name of the split.
        caption: Which caption of a face is its prompt: ``long``, ``short`` or ``any``.
        items: Pairs (index of the picture, question) of a question file. The captions are then empty, and there are
            no records.
    """

    images: Tensor
    captions: tuple[str, ...]
    records: tuple[AttributeRecord, ...]
    true: Tensor
    questions: tuple[tuple[int, Question], ...]
    unscored: int
    keys: tuple[str, ...]
    other_keys: tuple[str, ...] = ()
    paraphrases: tuple[Paraphrase, ...] = ()
    split: str = "val"
    caption: Which = "long"
    items: tuple[tuple[int, QuestionItem], ...] = ()

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts that faces are generated from, in the order of `keys`."""
        return self.captions

    def subset(self, chosen: Sequence[int]) -> EvalSet:
        """The subset of some faces, with their questions and paraphrases. Outputs of the full set can be scored on it.

        Args:
            chosen: Indices of the faces.
        """
        place = {number: new for new, number in enumerate(chosen)}
        return replace(
            self,
            images=self.images[list(chosen)],
            captions=tuple(self.captions[n] for n in chosen),
            records=tuple(self.records[n] for n in chosen),
            true=self.true[list(chosen)],
            questions=tuple((place[n], q) for n, q in self.questions if n in place),
            keys=tuple(self.keys[n] for n in chosen),
            other_keys=tuple(self.other_keys[n] for n in chosen),
            paraphrases=tuple(replace(p, sample=place[p.sample]) for p in self.paraphrases if p.sample in place),
        )

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the keys, of the pictures, of the prompts, and of the questions with their true answers."""
        asked: list[list[object]] = [[self.keys[n], *q] for n, q in self.questions]
        asked += [[self.keys[p.sample], p.plain, p.text, p.holds] for p in self.paraphrases]
        asked += [[self.keys[n], item.prompt, item.options, item.answers] for n, item in self.items]
        return {
            "keys": _sha256(self.keys),
            "pictures": hashlib.sha256(self.images.numpy().tobytes()).hexdigest(),
            "prompts": _sha256(self.captions),
            "questions": _sha256([asked, self.other_keys]),
        }


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()


def open_split(folder: str | Path, split: str = "val") -> list[ShardReader]:
    """The reader of a data set's split, or of the whole folder if it has no splits.

    Raises:
        DataError: If there are no shards.
    """
    from unif2ace.data.shards import ShardReader, has_index

    folder = Path(folder)
    return [ShardReader(folder / split if has_index(folder / split) else folder)]


def gather(
    readers: Sequence[ShardReader],
    samples: int,
    questions: int,
    caption: Which = "long",
    seed: int = 0,
    paraphrases: int = 0,
) -> EvalSet:
    """Chooses random faces and random questions about them.

    Args:
        readers: Readers of the split.
        samples: Maximum number of faces.
        questions: Maximum number of questions.
        caption: Which caption of a face is its prompt: ``long``, ``short`` or ``any``.
        seed: Seed of the choice.
        paraphrases: Number of wordings of each yes/no question; 0 for none.

    Raises:
        ConfigError: If fewer than two faces are requested.
        DataError: If the split has fewer than two samples, or a face has no caption.
    """
    import numpy as np
    import torch

    from unif2ace.data.tasks.base import attribute_labels
    from unif2ace.data.tasks.text_to_image import pick_captions

    if samples < 2:
        raise ConfigError(f"scores.samples={samples}: it must be at least 2, because texts are shuffled between faces")
    draw = random.Random(f"scores/{seed}")
    places = [(reader, index) for reader in readers for index in range(len(reader))]
    if len(places) < 2:
        raise DataError(f"{readers[0].folder} has {len(places)} samples: at least 2 are needed; give more data")
    chosen = [reader.decoded(index) for reader, index in draw.sample(places, min(samples, len(places)))]
    asked = [(number, q) for number, sample in enumerate(chosen) for q in sample.metadata.qa]
    scored = [(number, q) for number, q in asked if q.kind in SCORED]
    labels = [attribute_labels(sample.metadata.attributes) for sample in chosen]
    records, keys = tuple(sample.metadata.record for sample in chosen), _keys([sample.key for sample in chosen])
    return EvalSet(
        images=torch.from_numpy(np.stack([sample.image for sample in chosen])).permute(0, 3, 1, 2).contiguous(),
        captions=tuple(pick_captions(sample, caption, 1, draw)[0] for sample in chosen),
        records=records,
        true=torch.from_numpy(np.stack(labels)),
        questions=tuple(draw.sample(scored, min(questions, len(scored)))),
        unscored=len(asked) - len(scored),
        keys=keys,
        other_keys=tuple(keys[number] for number in others(len(keys), seed)),
        paraphrases=tuple(paraphrased(records, paraphrases, seed)),
        caption=caption,
    )


def _keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Unique keys: a repeated key, from another data set, gets a number, as in ``KEY+2``."""
    seen: dict[str, int] = {}
    found = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        found.append(key if seen[key] == 1 else f"{key}+{seen[key]}")
    return tuple(found)


def others(count: int, seed: int) -> list[int]:
    """A random cyclic permutation, which maps each index to a different one.

    Args:
        count: Number of indices, at least 2.
        seed: Seed of the cycle.
    """
    order = list(range(count))
    random.Random(f"others/{seed}").shuffle(order)
    after = dict(zip(order, order[1:] + order[:1], strict=True))
    return [after[number] for number in range(count)]
