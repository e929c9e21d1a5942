"""Statements by keywords: what a text says, what it denies, and what it does not say."""

from __future__ import annotations

import pytest

from unif2ace.attributes import TAXONOMY
from unif2ace.language import write_caption
from unif2ace.language.keyword_parser import _FLAGS, _NOUNS, _WORDS, KeywordParser
from unif2ace.language.reading import holds
from unif2ace.synthetic import sample_face


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It shows a young lady, blonde hair.", {"gender": "woman", "age": "young", "hair_colour": "blond"}),
        ("His hair is short and black.", {"gender": "man", "hair_length": "short", "hair_colour": "black"}),
        ("Brown eyes and black hair", {"eye_colour": "brown", "hair_colour": "black"}),
        ("He wears glasses without a hat", {"gender": "man", "eyeglasses": True, "hat": False}),
        ("She isn't smiling", {"gender": "woman", "smile": False}),
        ("Not black hair", {"black_hair": False}),
        ("A man in a black shirt", {"gender": "man"}),
        ("He has a mustache, and no beard.", {"gender": "man", "moustache": True, "beard": False}),
        ("Looking at the camera with a neutral face", {"gaze_direction": "camera", "emotion": "neutral"}),
        ("Nothing is known.", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_what_is_said(text: str, said: dict[str, object]):
    assert dict(KeywordParser().parse(text)) == said


def test_keywords_are_of_the_taxonomy():
    assert {name for name, field in TAXONOMY.fields.items() if not field.choices} == set(_FLAGS)
    for field, values in (*_WORDS.items(), *((field, synonyms) for field, (_, synonyms) in _NOUNS.items())):
        assert set(values) <= set(TAXONOMY.fields[field].choices)


def test_most_statements_about_written_captions_are_true():
    parser, truths = KeywordParser(), []
    for seed in range(60):
        record = sample_face(seed).record
        truths += [holds(said, record) for said in parser.parse(write_caption(record, seed))]
    assert truths.count(True) > 300
    assert truths.count(False) < 0.1 * len(truths)
