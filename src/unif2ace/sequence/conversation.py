"""The text part of an MMU sequence: independent questions and answers about one image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Conversation(NamedTuple):
    """T token ids of a conversation, with segments and training targets.

    Attributes:
        ids: T text ids: bos, question, bos, answer, eos. A further question directly follows the eos.
        segment: T indices of the question that each id belongs to. The eos before a further question replaces the bos
            of that question and belongs to it.
        loss: T flags, True for ids to predict: answers, and the eos after each answer that was not truncated.
    """

    ids: list[int]
    segment: list[int]
    loss: list[bool]


def join_turns(turns: Iterable[tuple[Sequence[int], Sequence[int]]], eos_id: int, max_length: int) -> Conversation:
    """Joins questions and answers into one conversation.

    Turns that do not fit are left out. If every single turn is too long, the first turn is truncated. Its final eos is
    then not a training target, because the model would learn to stop early.

    Args:
        turns: Pairs of the ids of a question and the ids of its answer.
        eos_id: Id of eos. It is also used as bos, as in Show-o.
        max_length: Maximum number of ids, T.
    """
    turns = list(turns)
    cut = bool(turns) and not any(fits(*turn, max_length) for turn in turns)
    if cut:
        question, answer = turns[0][0][: max_length - 4], turns[0][1]
        turns = [(question, answer[: max_length - 3 - len(question)])]
    ids: list[int] = []
    segment: list[int] = []
    loss: list[bool] = []
    number = 0
    for question, answer in turns:
        added = len(question) + len(answer) + 2
        if len(ids) + added + 1 > max_length:  # plus one: the final eos
            continue
        ids += [eos_id, *question, eos_id, *answer]
        segment += [number] * added
        loss += [bool(number), *[False] * (len(question) + 1), *[True] * len(answer)]
        number += 1
    return Conversation([*ids, eos_id], [*segment, max(number - 1, 0)], [*loss, not cut])


def fits(question: Sequence[int], answer: Sequence[int], max_length: int) -> bool:
    """Whether a conversation with only this question and answer has at most `max_length` ids."""
    return len(question) + len(answer) + 3 <= max_length
