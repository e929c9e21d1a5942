"""The tables of phrases are complete and every slot in them can be filled."""

from __future__ import annotations

import random
import string
from typing import get_args

from unif2ace.attributes import TAXONOMY
from unif2ace.language.facts import ANY, Phrase, Slot
from unif2ace.language.grammar import PRONOUNS, Voice, listing, sentence
from unif2ace.language.phrases import CHOICES, REASONS, THEMES, WORDS, YES_NO

PHRASES: list[Phrase] = [phrase for phrases in THEMES.values() for phrase in phrases]
VERB_ENDINGS = ("s", "n't")


def slots_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_slots_are_pronouns_values_that_the_phrase_states_or_verbs() -> None:
    for phrase in PHRASES:
        for slot in get_args(Slot):
            for text in getattr(phrase, slot):
                for name in slots_of(text):
                    known = name in PRONOUNS[None] or name in phrase.when or name.endswith(VERB_ENDINGS)
                    assert known, (name, text)
                    assert name not in phrase.when or name in WORDS, (name, text)


def test_every_wording_names_every_value_that_it_states() -> None:
    for phrase in PHRASES:
        for slot in get_args(Slot):
            for text in getattr(phrase, slot):
                assert {name for name, value in phrase.when.items() if value == ANY} <= slots_of(text), text


def test_questions_fill_their_slots() -> None:
    for name, entry in YES_NO.items():
        label = TAXONOMY.labels.get(name)
        for text in (*entry.ask, *entry.yes, *entry.no, *entry.instead):
            values = {label.field} if label and text in entry.instead else set()
            assert all(s in PRONOUNS[None] or s in values or s.endswith(VERB_ENDINGS) for s in slots_of(text)), text
    for choice in CHOICES.values():
        assert all("options" in slots_of(text) for text in choice.which)
        assert all("value" in slots_of(text) for text in choice.answers)
    assert all("evidence" in slots_of(text) for reason in REASONS for text in reason.answers)


def test_every_phrase_can_stand_somewhere() -> None:
    assert all(phrase.slots for phrase in PHRASES)


def test_every_value_has_a_word() -> None:
    for field, words in WORDS.items():
        assert set(words) == set(TAXONOMY.fields[field].choices)
    for field, choice in CHOICES.items():
        assert set(choice.names) == set(TAXONOMY.fields[field].choices)


def test_every_label_and_every_field_is_asked_about() -> None:
    booleans = {name for name, field in TAXONOMY.fields.items() if not field.choices}
    assert {*TAXONOMY.labels, *booleans} == set(YES_NO)
    assert {name for name, field in TAXONOMY.fields.items() if field.choices} == set(CHOICES)


def test_verbs_agree_with_the_subject() -> None:
    text = "{they} {looks} up and {is} smiling, but {doesn't} laugh with {their} mouth"
    rng = random.Random(0)
    assert (
        text.format_map(Voice({"gender": "man"}, WORDS, rng))
        == "he looks up and is smiling, but doesn't laugh with his mouth"
    )
    plural = text.format_map(Voice({}, WORDS, rng, plural=True))
    assert plural == "they look up and are smiling, but don't laugh with their mouth"


def test_lists_and_articles() -> None:
    assert listing(["a hat"]) == "a hat"
    assert listing(["a hat", "a tie"], "or") == "a hat or a tie"
    assert listing(["a", "b", "c"]) == "a, b, and c"
    assert listing(["a", "b", "c"], oxford=False) == "a, b and c"
    assert sentence("a oval face and a one-eyed, a unsmiling man") == "An oval face and a one-eyed, an unsmiling man."
