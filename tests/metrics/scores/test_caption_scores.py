"""Captions: precision, recall and F1 by counting, and what is earned without looking."""

from __future__ import annotations

import pytest
import torch

from unif2ace.metrics.scores import caption_scores, distinct, mean_words

S, A = 80, 5


def _world():
    draw = torch.Generator().manual_seed(0)
    true = (torch.rand(S, A, generator=draw) < torch.tensor([0.5, 0.2, 0.8, 0.3, 0.6])).to(torch.int8)
    true[torch.rand(S, A, generator=draw) < 0.1] = -1
    said = (true == 1) & (torch.rand(S, A, generator=draw) < 0.7)
    return true, said, draw


def test_the_data_sets_own_captions_score_one():
    true, said, _ = _world()
    found = caption_scores(said, said, true)
    assert found.normalised[:3] == (1, 1, 1)
    assert found.precision == 1
    assert found.f1.value == found.f1_reference < 1


def test_captions_of_other_faces_and_constant_captions_score_zero():
    true, said, _ = _world()
    values = [caption_scores(said.roll(k, 0), said, true, resamples=0).normalised.value for k in range(1, S)]
    assert abs(sum(values) / len(values)) < 1.5 / S  # a shuffle leaves out one other pair than the floor does
    constant = torch.tensor([1, 0, 1, 0, 1]).bool().expand(S, A)
    found = caption_scores(constant, said, true)
    assert found.f1.value > 0.5  # naming what is frequent earns an F1 ...
    assert abs(found.normalised.value) < 0.02  # ... but no score


def test_values_are_those_of_counting():
    true, said, draw = _world()
    mine = said ^ (torch.rand(S, A, generator=draw) < 0.2)
    found = caption_scores(mine, said, true)

    def f1(pairs) -> float:
        hits = stated = there = 0
        for said_row, true_row in pairs:
            hits += sum(bool(s) and t == 1 for s, t in zip(said_row, true_row, strict=True))
            stated += sum(bool(s) and t >= 0 for s, t in zip(said_row, true_row, strict=True))
            there += sum(t == 1 for t in true_row)
        return 2 * hits / (stated + there)

    rows, truths = mine.tolist(), true.tolist()
    assert found.f1.value == pytest.approx(f1(zip(rows, truths, strict=True)))
    shuffled = [(rows[i], truths[j]) for i in range(S) for j in range(S) if i != j]
    assert found.f1_shuffled == pytest.approx(f1(shuffled))
    assert found.f1_reference == pytest.approx(f1(zip(said.tolist(), truths, strict=True)))
    hits, stated, there = ((mine & (true == 1)).sum(), (mine & (true >= 0)).sum(), (true == 1).sum())
    assert (found.precision, found.recall) == pytest.approx((float(hits / stated), float(hits / there)))
    assert found.by_label.shape == (2, A)


def test_empty_captions_score_below_zero_and_do_not_fail():
    true, said, _ = _world()
    found = caption_scores(torch.zeros(S, A, dtype=torch.bool), said, true)
    assert found.f1.value == 0
    assert found.recall == 0
    assert found.normalised.value == 0


def test_distinct_n_and_words():
    assert distinct(["a b a", "A b"], 1) == pytest.approx(2 / 5)
    assert distinct(["a b a", "a b"], 2) == pytest.approx(2 / 3)
    assert distinct(["", "a"], 2) == 0
    assert mean_words(["a b", "", "c, d e."]) == pytest.approx(5 / 3)
    assert mean_words([]) == 0
