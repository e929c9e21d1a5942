"""Questions and answers about one picture as one text: its ids, its segments, and which of them are predicted."""

from __future__ import annotations

import torch

from unif2ace.sequence.conversation import Conversation, join_turns
from unif2ace.sequence.sequence_layout import SequenceLayout
from unif2ace.sequence.vocabulary import Vocabulary

EOS = 1
LAYOUT = SequenceLayout(Vocabulary(30, 8, EOS, EOS), 32)
CODES = torch.tensor([[0, 1, 2, 3]])
HEAD = 7
"""Positions before the text: mmu, soi, four codes, eoi."""
TURNS = [([5, 6], [7, 2]), ([8], [10, 11, 3]), ([12, 13], [14])]


def _laid_out(conversation: Conversation, segments: bool = True):
    ids, segment, loss = (torch.tensor([values]) for values in conversation)
    return LAYOUT.conversation(CODES, ids, torch.tensor([ids.shape[1]]), loss, segment if segments else None)


def test_ids_of_one_turn():
    assert join_turns([([5, 6], [7, 2])], EOS, 32) == Conversation(
        ids=[EOS, 5, 6, EOS, 7, 2, EOS],
        segment=[0] * 7,
        loss=[False, False, False, False, True, True, True],
    )


def test_ids_segments_and_loss_of_several_turns():
    made = join_turns(TURNS, EOS, 32)
    assert made.ids == [EOS, 5, 6, EOS, 7, 2, EOS, 8, EOS, 10, 11, 3, EOS, 12, 13, EOS, 14, EOS]
    assert made.segment == [0] * 6 + [1] * 6 + [2] * 6, "an eos between two turns is the next one's bos"
    predicted = [i for i, loss in enumerate(made.loss) if loss]
    assert [made.ids[i] for i in predicted] == [7, 2, EOS, 10, 11, 3, EOS, 14, EOS], "answers, each with its end"
    assert predicted == [4, 5, 6, 9, 10, 11, 12, 16, 17]


def test_a_question_or_an_answer_may_be_empty():
    made = join_turns([([], [7]), ([8], [])], EOS, 32)
    assert made.ids == [EOS, EOS, 7, EOS, 8, EOS, EOS]
    assert made.segment == [0, 0, 0, 1, 1, 1, 1]
    assert made.loss == [False, False, True, True, False, False, True]


def test_a_further_turn_that_does_not_fit_is_left_out():
    whole = join_turns(TURNS, EOS, 32)
    assert join_turns(TURNS, EOS, len(whole.ids)) == whole, "all of the room is used"
    assert join_turns(TURNS, EOS, len(whole.ids) - 1) == join_turns(TURNS[:2], EOS, 32)
    assert join_turns(TURNS, EOS, 13) == join_turns(TURNS[:2], EOS, 32)
    assert join_turns(TURNS, EOS, 12) == join_turns([TURNS[0], TURNS[2]], EOS, 32), "a shorter one may still fit"
    assert join_turns(TURNS, EOS, 11) == join_turns(TURNS[:1], EOS, 32)


def test_a_turn_that_does_not_fit_alone_is_left_out_or_cut():
    long = [([5, 6], list(range(2, 30)) * 2), ([8], [9])]
    assert join_turns(long, EOS, LAYOUT.max_text) == join_turns(long[1:], EOS, 1000)
    for question, answer in (long[0], (long[0][1], [9])):
        made = join_turns([(question, answer)], EOS, LAYOUT.max_text)
        assert _laid_out(made).ids[0, HEAD:].tolist() == made.ids
        asked = question[: LAYOUT.max_text - 4]
        assert made.ids[: len(asked) + 3] == [EOS, *asked, EOS, answer[0]], "the separator stays"
        assert len(made.ids) == LAYOUT.max_text
        assert not made.loss[-1], "a cut answer does not teach to stop"


def test_one_turn_is_laid_out_as_a_question_and_its_answer():
    two = torch.tensor([2])
    alone = LAYOUT.understanding(CODES, torch.tensor([[5, 6]]), two, torch.tensor([[7, 2]]), two)
    conversation = join_turns(TURNS[:1], EOS, 32)
    for made in (_laid_out(conversation), _laid_out(conversation, segments=False)):
        for name in ("ids", "role", "task", "position", "attention", "image_start", "target", "visible"):
            assert torch.equal(getattr(made, name), getattr(alone, name)), name


def test_every_turn_stands_where_the_first_one_stands():
    made = _laid_out(join_turns(TURNS, EOS, 32))
    text = list(range(HEAD, HEAD + 6))
    assert made.position[0].tolist() == [*range(HEAD), *text, *text, *text], "six ids a turn, the last with its eos"


def test_a_turn_sees_the_picture_and_itself():
    conversation = join_turns(TURNS, EOS, 32)
    attention, length = _laid_out(conversation).attention[0, 0], HEAD + len(conversation.ids)
    assert attention.shape == (length, length)
    for i, own in enumerate(conversation.segment):
        for j, other in enumerate(conversation.segment):
            assert bool(attention[HEAD + i, HEAD + j]) == (j <= i and own == other), (i, j)
    assert attention[:, :HEAD].all(), "up to eoi everybody looks at everything"
    assert not attention[:HEAD, HEAD:].any()
