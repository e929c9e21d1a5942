"""Facts become sentences that say each of them, in changing forms."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from unif2ace.attributes import AttributeRecord
from unif2ace.language.caption_openings import write_opening
from unif2ace.language.facts import known_values
from unif2ace.language.phrases import LEXICON
from unif2ace.language.sentence_templates import FEATURES, Skeleton
from unif2ace.language.sentences import repeats_itself, write_sentence
from unif2ace.language.writer import Writer

CHANCES = range(40)


def test_no_form_of_sentence_is_used_three_times_in_a_row(faces: list[AttributeRecord]) -> None:
    lengths = []
    for seed, record in enumerate(faces[:200]):
        known, rng = known_values(record), random.Random(seed)
        facts = [fact for fact in LEXICON.facts(known, rng) if fact.theme in FEATURES and fact.fits("noun")]
        writer, recent = Writer(known, rng), list[Skeleton]()
        for pair in pairwise(facts):
            write_sentence(writer, pair, recent)
        lengths.append(len(recent))
        assert all(recent[i] not in recent[i + 1 : i + 3] for i in range(len(recent) - 1))
    assert max(lengths) > 4


@pytest.mark.parametrize("seed", CHANCES)
def test_no_field_is_in_two_facts_and_only_known_ones_are(faces: list[AttributeRecord], seed: int) -> None:
    known = known_values(faces[seed])
    stated = [pair for fact in LEXICON.facts(known, random.Random(seed)) for pair in fact.stated]
    assert len({name for name, _ in stated}) == len(stated)
    assert all(known[name] == value for name, value in stated)


def test_who_is_bald_has_no_hair_to_speak_of() -> None:
    known = known_values(AttributeRecord(bald=True, hair_colour="gray", bangs=False, hair_length="short"))
    for seed in CHANCES:
        facts = LEXICON.facts(known, random.Random(seed))
        assert [fact.stated for fact in facts] == [(("bald", True),)]


def test_who_laughs_is_not_said_to_smile_as_well() -> None:
    known = known_values(AttributeRecord(smile=True, laugh=True))
    for seed in CHANCES:
        assert len(LEXICON.facts(known, random.Random(seed))) == 1


def test_clean_shaven_needs_every_kind_of_facial_hair_to_be_known_and_absent() -> None:
    bare = {"gender": "man", "beard": False, "goatee": False, "moustache": False, "five_o_clock_shadow": False}
    for changed, possible in (
        ({}, True),
        ({"moustache": True}, False),
        ({"goatee": None}, False),
        ({"gender": "woman"}, False),
    ):
        known = known_values(AttributeRecord({**bare, **changed}))
        found = [fact for seed in CHANCES for fact in LEXICON.facts(known, random.Random(seed))]
        assert any("clean-shaven" in fact.phrase.state for fact in found) is possible


@pytest.mark.parametrize(
    ("absent", "said"),
    [({"eyeglasses": False, "sunglasses": False}, True), ({"eyeglasses": False, "sunglasses": True}, False)],
)
def test_no_glasses_means_neither_kind(absent: dict[str, bool], said: bool) -> None:
    facts = LEXICON.facts(known_values(AttributeRecord(absent)), random.Random(0))
    assert any("glasses" in fact.phrase.absent for fact in facts) is said


def test_a_repeated_word_is_seen() -> None:
    assert repeats_itself("She has brown eyes and narrow eyes.")
    assert not repeats_itself("She has narrow brown eyes and the hair is long.")


def test_an_opening_says_each_fact_once() -> None:
    known = known_values(AttributeRecord(gender="man", eyeglasses=True))
    for seed in CHANCES:
        rng = random.Random(seed)
        text, used = write_opening(Writer(known, rng), LEXICON.facts(known, rng), "dense", 4)
        assert len(used) == len(set(used)) == len(re.findall("glasses|bespectacled", text)) <= 1
