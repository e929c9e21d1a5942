"""The text part of an MMU sequence: questions and answers about one image, each as if asked alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Conversation(NamedTuple):
    """Token ids of a conversation with their training targets; T ids.

    Attributes:
        ids: T text ids: bos, question, bos, answer, eos; a further question follows the eos directly.
        segment: Index of the question that each id belongs to. The eos of an answer already belongs to the next
            question, whose bos it replaces.
        loss: Whether each id must be predicted: True for answers and the eos that ends each, unless it was cut.
    """

    ids: list[int]
    segment: list[int]
    loss: list[bool]


def join_turns(turns: Iterable[tuple[Sequence[int], Sequence[int]]], eos_id: int, max_length: int) -> Conversation:
    """Joins questions and answers into one conversation.

    A turn that does not fit is left out. If none fits, the first is cut so that its separator stays, and its eos
    need not be predicted: a cut answer would teach the model to stop early.

    Args:
        turns: Ids of each question and its answer.
        eos_id: Id that ends an answer. It also serves as bos, as in Show-o.
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
    """Whether a question and its answer fit into a conversation of `max_length` ids by themselves."""
    return len(question) + len(answer) + 3 <= max_length
