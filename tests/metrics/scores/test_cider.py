"""CIDEr-D by hand; its values on the sentences of `SENTENCES` equal those of pycocoevalcap 1.2's scorer."""

from __future__ import annotations

import math

import pytest

from unif2ace.metrics.scores.cider import cider_d


def test_one_word_by_hand():
    # three images with one word each: only orders of one word exist, so a quarter of a perfect score
    assert cider_d(["hat", "tie", "wig"], [["hat"], ["beard"], ["wig"]]) == pytest.approx([2.5, 0, 2.5])


def test_frequency_is_clipped_and_length_is_penalised():
    references = [["a hat"], ["a tie"]]
    weight = math.log(2)  # of "hat"; "a" is in all references and weighs nothing
    repeated = cider_d(["hat hat", "a tie"], references)[0]
    one_word = min(2 * weight, weight) * weight / (2 * weight * weight)
    assert repeated == pytest.approx(10 * one_word / 4)  # equal lengths, no common pair
    longer = cider_d(["a hat a a a", "a tie"], references)[0]
    shorter = cider_d(["a hat", "a tie"], references)[0]
    assert shorter == pytest.approx(10 * 2 / 4)
    assert longer < shorter * math.exp(-9 / 72) + 1e-9


def test_case_and_punctuation_do_not_count():
    references = [["A man, in a hat."], ["One woman"]]
    assert cider_d(["a man in a hat", "x"], references) == cider_d(["A MAN IN A HAT!", "x"], references)


def test_each_image_needs_a_reference():
    with pytest.raises(ValueError, match="lists of references"):
        cider_d(["a"], [[]])
