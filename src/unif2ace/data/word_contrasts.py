"""Contrasting texts from questions: a text that fits a face, paired with one that fits it less."""

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
    """Two texts, the first of which fits a face better; one of them may be empty.

    Attributes:
        place: Index of the face.
        fits: A question that is answered with yes, or an answer.
        misfits: A question that is answered with no, or another face's answer to the same question in
            any wording.
    """

    place: int
    fits: str
    misfits: str


def contrasts(asked: Iterable[tuple[int, Question]], draw: random.Random) -> Iterator[Contrast]:
    """Contrasts of questions: a yes/no question against an empty text; any other answer against another face's.

    Args:
        asked: Indices of faces, and questions about them.
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
    """What a question asks for, whatever its wording: the same for questions that have the same possible answers."""
    about = question.kind, str(question.attribute)
    if question.kind == "what":
        return about
    if question.kind == "which":
        return *about, *sorted(options(question))
    text = question.question.lower().rstrip("?.")
    return *about, text.partition(": ")[2] or text


def read_questions(readers: Iterable[ShardReader], number: int) -> Iterator[tuple[int, Question]]:
    """Questions about the first faces of some data sets, which are numbered consecutively across data sets.

    Args:
        readers: The data sets.
        number: Maximum number of faces of each; faulty ones are skipped.
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
    """Contrasts as tensors int64 (P, T).

    Args:
        found: Contrasts as texts.
        tokenizer: Turns them into ids.
    """
    found = list(found)
    texts = [one.fits for one in found], [one.misfits for one in found]
    places_P = torch.tensor([one.place for one in found], dtype=torch.int64)
    return Contrasts(places_P, *(_padded(side, tokenizer) for side in texts))


def _padded(texts: list[str], tokenizer: TextTokenizer) -> Tensor:
    ids = [torch.tensor(i, dtype=torch.int64) for i in tokenizer.encode_words(texts)]
    return torch.nn.utils.rnn.pad_sequence(ids, True, -1) if ids else torch.zeros(0, 0, dtype=torch.int64)
