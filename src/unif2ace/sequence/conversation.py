"""The text part of a sequence that answers: questions and answers about one picture, each as if asked alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Conversation(NamedTuple):
    """Token ids of a conversation, with what training must know of each; T ids.

    Attributes:
        ids: Text ids, T of them: bos, question, bos, answer, eos; a further question follows on the eos.
        segment: Number of the question that each id belongs to; the eos of an answer begins the next segment, since it
            stands where the next question's bos would stand.
        loss: Which ids must be predicted: the answers, each with the eos that ends it.
    """

    ids: list[int]
    segment: list[int]
    loss: list[bool]


def join_turns(turns: Iterable[tuple[Sequence[int], Sequence[int]]], eos_id: int, max_length: int) -> Conversation:
    """The conversation of some questions and answers.

    A further turn that does not fit is left out: half an answer teaches to stop halfway. The first turn is kept whole;
    `SequenceLayout` cuts what is too long.

    Args:
        turns: Ids of each question and of its answer.
        eos_id: Id that ends an answer. It also stands for bos, as in Show-o.
        max_length: Most ids, T.
    """
    ids: list[int] = []
    segment: list[int] = []
    loss: list[bool] = []
    number = 0
    for question, answer in turns:
        added = len(question) + len(answer) + 2
        if ids and len(ids) + added + 1 > max_length:  # one id more: the eos at the end
            continue
        ids += [eos_id, *question, eos_id, *answer]
        segment += [number] * added
        loss += [bool(number), *[False] * (len(question) + 1), *[True] * len(answer)]
        number += 1
    return Conversation([*ids, eos_id], [*segment, max(number - 1, 0)], [*loss, True])
