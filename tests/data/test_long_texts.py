"""Texts that do not fit into a training sequence: cut or left out, counted and logged; others are not touched."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from unif2ace.data.collate import Collate, OrderedSample
from unif2ace.data.dataset_mixture import SampleRef
from unif2ace.data.long_texts import LongTexts
from unif2ace.data.tasks.base import TaskSample
from unif2ace.data.text_tokenizer import TextTokenizer, train_text_tokenizer
from unif2ace.types import Batch, Task

ROOM = 12
PIXELS, LABELS = np.zeros((16, 16, 3), np.uint8), np.zeros(2, np.int8)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> TextTokenizer:
    return train_text_tokenizer(["abc"], tmp_path_factory.mktemp("text"), 258)  # one token a byte


def collated(tokenizer: TextTokenizer, *samples: TaskSample, room: int = ROOM) -> Batch:
    ref = SampleRef(*[0] * len(SampleRef._fields))
    return Collate(tokenizer, room)([OrderedSample(ref, sample) for sample in samples])


def caption(text: str) -> TaskSample:
    return TaskSample(Task.TEXT_TO_IMAGE, f"c{len(text)}", PIXELS, LABELS, prompt=text)


def asked(*turns: tuple[str, str]) -> TaskSample:
    return TaskSample(Task.UNDERSTANDING, f"q{len(turns)}", PIXELS, LABELS, *turns[0], turns=turns[1:])


def test_a_caption_that_fits_is_whole_and_a_longer_one_is_counted(tokenizer: TextTokenizer):
    fits, over = "a" * (ROOM - 2), "a" * (ROOM - 1)
    batch = collated(tokenizer, caption(fits), caption(over))
    assert batch.text_length.tolist() == [ROOM - 2, ROOM - 2]
    assert batch.long_texts == (f"c{len(over)}",)
    assert collated(tokenizer, caption(fits)).long_texts == ()


@pytest.mark.parametrize(
    ("turns", "kept", "is_long", "left_out"),
    [
        ([("aaaa", "bbbbb")], "EaaaaEbbbbbE", False, 0),
        ([("aaaa", "bbbbbb")], "EaaaaEbbbbbE", True, 0),
        ([("a" * 30, "bb")], "EaaaaaaaaEbE", True, 0),
        ([("a" * 30, "bb"), ("a", "b")], "EaEbE", True, 0),
        ([("a", "b"), ("aa", "bb"), ("a", "c")], "EaEbEaaEbbE", False, 1),
        ([("aaaa", "bbbbb"), ("a", "b"), ("c" * 30, "b")], "EaaaaEbbbbbE", True, 1),
    ],
)
def test_questions_keep_their_separator_and_are_counted(tokenizer, turns, kept, is_long: bool, left_out: int):
    batch = collated(tokenizer, asked(*turns))
    names = {tokenizer.eos_id: "E", **{tokenizer.encode([c])[0][0]: c for c in "abc"}}
    assert "".join(names[i] for i in batch.text[0, : batch.text_length[0]].tolist()) == kept
    assert (bool(batch.long_texts), batch.turns_left_out) == (is_long, left_out)
    was_cut = is_long and len(turns) == 1
    assert bool(batch.text_loss[0, batch.text_length[0] - 1]) is not was_cut, "a cut answer does not teach to stop"


def test_the_first_is_logged_at_once_and_all_are_logged_at_the_end(tokenizer: TextTokenizer, caplog):
    counted = LongTexts(ROOM)
    with caplog.at_level(logging.WARNING):
        counted.report()
        counted.add(collated(tokenizer, caption("a")))
        assert not caplog.records
        for _ in range(2):
            counted.add(collated(tokenizer, caption("a" * 20), asked(("a", "b"), ("aaa", "bbb"))))
        assert [r.getMessage() for r in caplog.records] == [caplog.records[0].getMessage()]
        assert "sample 'c20' has a text of more than data.max_text_tokens=12" in caplog.text
        counted.report()
    total = "5 samples were read; 2 had a text that was too long and was truncated or left out; 2 questions were"
    assert total in caplog.text


def test_counts_travel_with_a_batch(tokenizer: TextTokenizer):
    batch = collated(tokenizer, caption("a" * 20)).to(torch.device("cpu"))
    assert batch.long_texts == ("c20",)
