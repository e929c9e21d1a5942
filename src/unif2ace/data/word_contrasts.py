"""Builds contrasting text pairs from questions: one text fits the face, the other fits it less."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from unif2ace.data.shards import SampleFault, ShardReader
from unif2ace.data.text_tokenizer import TextTokenizer
from unif2ace.language.question import Question
from unif2ace.language.replies import options
from unif2ace.types import Contrasts


class Contrast(NamedTuple):
    """Two texts about a face: `fits` describes it better than `misfits`. One of the two may be empty.

    Attributes:
        place: Index of the face.
        fits: A question whose answer is yes, or the answer to a question of another kind.
        misfits: A question whose answer is no, or another face's answer to the same question.
    """

    place: int
    fits: str
    misfits: str


def contrasts(asked: Iterable[tuple[int, Question]], draw: random.Random) -> Iterator[Contrast]:
    """Yields contrasts: a yes/no question and an empty text, or an answer and another face's answer.

    Args:
        asked: Pairs of a face's index and a question about that face.
        draw: Random generator that chooses the other face; equal answers give no contrast.
    """
    answers: dict[tuple[str, ...], list[tuple[int, str]]] = defaultdict(list)
    for place, one in asked:
        if one.kind != "yes_no":
            answers[_asked_for(one)].append((place, one.answer))
        else:
            yes = one.answer.startswith("Yes")
            yield Contrast(place, one.question if yes else "", "" if yes else one.question)
    for given in answers.values():
        for place, answer in given:
            other = draw.choice(given)[1]
            if other != answer:
                yield Contrast(place, answer, other)


def _asked_for(question: Question) -> tuple[str, ...]:
    """Key of a question that does not depend on its wording: equal for questions with the same possible answers."""
    about = question.kind, str(question.attribute)
    if question.kind == "what":
        return about
    if question.kind == "which":
        return *about, *sorted(options(question))
    text = question.question.lower().rstrip("?.")
    return *about, text.partition(": ")[2] or text


def read_questions(readers: Iterable[ShardReader], number: int) -> Iterator[tuple[int, Question]]:
    """Questions about the first faces of each data set; face indices continue from one data set to the next.

    Args:
        readers: Readers of the data sets.
        number: Maximum number of faces of each data set; faulty samples are skipped.
    """
    first = 0
    for reader in readers:
        count = min(len(reader), number)
        for index in range(count):
            try:
                asked = reader[index].metadata.qa
            except SampleFault:
                continue
            yield from ((first + index, one) for one in asked)
        first += count


def as_ids(found: Iterable[Contrast], tokenizer: TextTokenizer) -> Contrasts:
    """Contrasts as token ids: P pairs, padded to T ids with -1, int64 (P, T).

    Args:
        found: Contrasts as texts.
        tokenizer: The text tokenizer.
    """
    found = list(found)
    texts = [one.fits for one in found], [one.misfits for one in found]
    places_P = torch.tensor([one.place for one in found], dtype=torch.int64)
    return Contrasts(places_P, *(_padded(side, tokenizer) for side in texts))


def _padded(texts: list[str], tokenizer: TextTokenizer) -> Tensor:
    ids = [torch.tensor(i, dtype=torch.int64) for i in tokenizer.encode_words(texts)]
    return torch.nn.utils.rnn.pad_sequence(ids, True, -1) if ids else torch.zeros(0, 0, dtype=torch.int64)
