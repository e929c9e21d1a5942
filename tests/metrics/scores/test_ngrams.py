"""BLEU and ROUGE are those of the libraries."""

from __future__ import annotations

import sys

import pytest

from unif2ace.errors import ConfigError
from unif2ace.metrics.scores.ngrams import bleu, rouge

TEXTS = ["A young woman smiles at the camera.", "He wears a red hat and a beard.", "There is no face here at all."]
REFERENCES = [
    ["A young woman smiles.", "She is a young woman who smiles at the camera."],
    ["The man wears a red cap and has a beard.", "He wears a red hat."],
    ["An old man frowns.", "Somebody frowns at something in the dark, unseen."],
]


@pytest.mark.parametrize("order", [1, 2, 4])
def test_bleu_is_that_of_sacrebleu(order: int):
    from sacrebleu.metrics import BLEU

    columns = [list(column) for column in zip(*REFERENCES, strict=True)]
    found = bleu(TEXTS, REFERENCES, order, resamples=50)
    assert found.score.value == pytest.approx(BLEU(max_ngram_order=order).corpus_score(TEXTS, columns).score)
    assert found.score.low <= found.score.value <= found.score.high
    assert "tok:13a" in found.signature


def test_images_may_have_different_numbers_of_references():
    fewer = [REFERENCES[0], REFERENCES[1][:1], REFERENCES[2]]
    same = [REFERENCES[0], REFERENCES[1][:1] * 2, REFERENCES[2]]
    assert bleu(TEXTS, fewer).score.value == bleu(TEXTS, same).score.value


def test_no_common_word_is_zero():
    assert bleu(["x y"], [["a b c"]]).score.value == 0
    assert rouge(["x y"], [["a b c"]])["rougeL"].value == 0


def test_rouge_is_that_of_rouge_score():
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
    pairs = list(zip(TEXTS, REFERENCES, strict=True))
    found = rouge(TEXTS, REFERENCES)
    for name in ("rouge1", "rougeL"):
        best = [max(scorer.score(one, text)[name].fmeasure for one in each) for text, each in pairs]
        assert found[name].value == pytest.approx(sum(best) / len(best))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(ConfigError, match="pip install sacrebleu"):
        bleu(TEXTS, REFERENCES)
    with pytest.raises(ConfigError, match="pip install rouge-score"):
        rouge(TEXTS, REFERENCES)
