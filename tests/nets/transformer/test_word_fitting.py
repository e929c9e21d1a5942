"""Vectors of words fitted to questions: logistic regression that is known beforehand, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional

from unif2ace.nets.transformer.word_fitting import CaptionedFaces, WordStatistics, fit_word_vectors, fit_words
from unif2ace.nets.transformer.word_vectors import WordVectors
from unif2ace.types import Contrasts

WORDS, FEATURES, FACES = 12, 6, 4000
NONE = torch.full((FACES, 2), -1)


def _vectors() -> WordVectors:
    return WordVectors(torch.zeros(WORDS, FEATURES), torch.zeros(WORDS), torch.zeros(FEATURES), torch.eye(FEATURES))


def _features(seed: int = 0) -> torch.Tensor:
    return torch.randn(FACES, FEATURES, generator=torch.Generator().manual_seed(seed))


def _asked(odds: torch.Tensor, words: torch.Tensor, seed: int = 1) -> Contrasts:
    """Each face is asked once, with two words, and answers yes with these odds."""
    yes = torch.rand(FACES, 1, generator=torch.Generator().manual_seed(seed)) < odds.sigmoid()[:, None]
    return Contrasts(torch.arange(FACES), words.where(yes, NONE), words.where(~yes, NONE))


def _all(told: Contrasts, features: torch.Tensor, known: torch.Tensor | None = None) -> WordVectors:
    return fit_words(_vectors(), features, torch.ones(FACES, dtype=torch.bool) if known is None else known, told)


def test_questions_of_yes_or_no_give_the_logarithm_of_the_odds():
    features = _features()
    z = functional.layer_norm(features, (FEATURES,))
    words = torch.randint(2, 5, (FACES, 2), generator=torch.Generator().manual_seed(2))
    true = torch.zeros(WORDS, FEATURES)
    true[2, 0], true[3, 1], true[4] = 2.0, -2.0, 0.0
    bias = torch.zeros(WORDS)
    bias[2:5] = torch.tensor([0.5, 0.5, -1.0])
    odds = (true[words] * z[:, None]).sum((1, 2)) + bias[words].sum(1)
    told = _asked(odds, words)
    found = _all(told, features)
    again = found
    for seed in range(1, 40):  # more passes, to where it ends
        again = fit_words(again, features, torch.ones(FACES, dtype=torch.bool), told, seed)
    for one, near in ((found, 0.9), (again, 0.25)):
        said = (one.words[words] * z[:, None]).sum((1, 2)) + one.bias[words].sum(1)
        assert (said - odds).square().mean().sqrt() < near * odds.std()
    never = [w for w in range(WORDS) if w not in (2, 3, 4)]
    assert not found.words[never].any()
    assert not found.bias[never].any()


def test_of_two_answers_the_difference_is_told():
    """Word 5 is answered where feature 0 is large, 6 where it is small; 7 stands in both."""
    features = _features()
    large = features[:, 0] > features.mean(1)
    other = torch.where(large, 6, 5)
    both = torch.full_like(other, 7)
    told = Contrasts(torch.arange(FACES), torch.stack([11 - other, both], 1), torch.stack([other, both], 1))
    found = _all(told, features)
    fit = _vectors().whitened(features) @ found.words.T
    assert (((fit[:, 5] - fit[:, 6]) > 0) == large).float().mean() > 0.95
    torch.testing.assert_close(found.words[5], -found.words[6], atol=1e-2, rtol=0)
    assert found.words[7].abs().max() < 1e-2 * found.words[5].norm()


def test_faces_without_features_are_left_out_and_the_same_comes_twice():
    features = _features()
    words = torch.full((FACES, 2), 3)
    told = _asked(features[:, 1] * 3, words)
    known = torch.arange(FACES) % 3 > 0
    found = _all(told, torch.where(known[:, None], features, torch.nan), known)
    kept = Contrasts(*(x[known] for x in (told.place, told.fits, told.misfits)))
    assert found.words[3].abs().max() > 0.1
    for same in (_all(kept, features), _all(kept, features, known)):
        torch.testing.assert_close(found.words, same.words, atol=0, rtol=0)
        torch.testing.assert_close(found.bias, same.bias, atol=0, rtol=0)


def test_where_nothing_is_told_nothing_changes():
    start = replace(_vectors(), words=torch.randn(WORDS, FEATURES), bias=torch.randn(WORDS))
    empty = torch.zeros(0, dtype=torch.int64)
    for told in (Contrasts(empty, empty.view(0, 0), empty.view(0, 0)), Contrasts(empty, NONE[:0], NONE[:0])):
        found = fit_words(start, _features(), torch.ones(FACES, dtype=torch.bool), told)
        assert torch.equal(found.words, start.words)
        assert torch.equal(found.bias, start.bias)


def test_texts_of_one_side_may_all_be_empty():
    words = torch.full((FACES, 2), 3)
    told = Contrasts(torch.arange(FACES), torch.zeros(FACES, 0, dtype=torch.int64), words)
    assert _all(told, _features()).bias[3] < -0.1  # always no


def test_captions_come_first_and_questions_follow():
    features, known = _features(), torch.arange(FACES) % 5 > 0
    ids = torch.where(features[:, :1] > 0, 8, 9).repeat(1, 2)
    length, told = torch.ones(FACES, dtype=torch.int64), _asked(features[:, 1] * 3, torch.full((FACES, 2), 3))
    faces = [CaptionedFaces(*(x[p] for x in (ids, length, features, known))) for p in torch.arange(FACES).split(700)]
    statistics = WordStatistics(WORDS, FEATURES)
    statistics.add(ids[known], length[known], features[known])
    captions = statistics.vectors(4)
    found = fit_word_vectors(faces, told, text_size=WORDS, features=FEATURES, directions=4)
    torch.testing.assert_close(found.words[[8, 9]], captions.words[[8, 9]], atol=1e-4, rtol=0)
    assert captions.words[8].norm() > 0.5
    assert found.words[3].norm() > 0.1 > captions.words[3].norm()
