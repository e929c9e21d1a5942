"""Questions in many words: each asks for the same as the plain one, and some are kept for the evaluation."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from oracle import label_of
from oracle_answers import carefully, statements
from oracle_parser import Statement

from unif2ace.attributes import AttributeRecord
from unif2ace.language import ask_questions, measure_rates
from unif2ace.language.phrases import CHOICES, YES_NO
from unif2ace.language.phrases.wordings import TOPICS, WORDINGS
from unif2ace.language.question_frames import (
    TRAINED,
    UNTRAINED,
    fitting,
    open_forms,
    plain,
    subject,
    trained_forms,
    typed,
    yes_no_forms,
)

PEOPLE = ({}, {"gender": "man"}, {"gender": "woman"})
ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "notebooks" / "model_tour.py",
    ROOT / "src" / "unif2ace" / "commands" / "ask.py",
)
TYPED = (  # as people type them, who do not know the grammar
    *("is this person wearing glasses", "Does he wear spectacles?", "does she have glasses", "glasses?", "any glasses"),
    *("can you see a moustache?", "Has she got blonde hair?", "Is he smiling", "Are they wearing a hat?", "bald?"),
    *("is there a fringe", "Do you see stubble?", "tell me if she looks happy", "Is this woman wearing lipstick?"),
)


def said(rule: str, question: str) -> list[Statement]:
    """What the independent reader finds in a question, without the person's gender."""
    items, faults = statements(rule, carefully(question)[:-1])
    assert not faults, (question, faults)
    return [item for item in items if item.attribute not in ("gender", "they")]


def asked_for(question: str) -> str:
    """The label or field that a yes/no question asks about, by the independent reader; denials have no name."""
    (about,) = said("ask_yes_no", question)
    assert about.holds, question
    return "eyeglasses" if about.attribute == "glasses" else label_of(about.attribute, about.value)


def wordings(name: str, *, trained: bool, seed: int = 0) -> set[str]:
    """The question about an attribute in every form, about several people, typed in several ways."""
    rng = random.Random(seed)
    forms = [form.text for form in yes_no_forms(name, broad=True) if form.trained is trained]
    return {typed(text.format_map(subject(who, rng, neutral=False)), rng) for text in forms for who in PEOPLE * 2}


def as_words(question: str) -> str:
    return re.sub(r"[?.]$", "", question.lower())


@pytest.mark.parametrize("name", YES_NO)
def test_every_wording_asks_about_its_attribute_and_for_yes(name: str) -> None:
    trained, untrained = (wordings(name, trained=which) for which in (True, False))
    assert all(asked_for(question) == name for question in (*trained, *untrained, plain(name)))
    assert len(trained | untrained) >= 20
    assert len(trained) >= 10 <= len(untrained)


@pytest.mark.parametrize("field", TOPICS)
def test_open_questions_ask_for_their_field(field: str) -> None:
    rng = random.Random(0)
    for text in open_forms(field):
        for who in PEOPLE:
            question = typed(text.format_map(subject(who, rng, neutral=False)), rng)
            assert [item.value for item in said("ask_what", question) if item.attribute == "asks"] == [field], question


def test_every_attribute_has_wordings_and_no_wording_is_of_two() -> None:
    assert WORDINGS.keys() == YES_NO.keys()
    owners = Counter(form.text for name in YES_NO for form in yes_no_forms(name, broad=True))
    assert max(owners.values()) == 1


def test_untrained_frames_are_never_asked_in_training(faces: list[AttributeRecord]) -> None:
    frames = {frame for some in UNTRAINED.values() for frame in some}
    assert frames.isdisjoint(frame for some in TRAINED.values() for frame in some)
    kept = {as_words(text) for name in YES_NO for text in wordings(name, trained=False)}
    rates = measure_rates(faces)
    asked = {as_words(q.question) for seed, face in enumerate(faces) for q in ask_questions(face, seed, rates=rates)}
    assert len(asked) > 2000
    assert asked.isdisjoint(kept)
    assert not any(
        re.match(r"(do you think|can you tell)|.* (someone|shown|visible)\b", text) for text in asked - KNOWN
    )


KNOWN = {"who is shown in the portrait"}


def test_questions_of_the_documents_and_of_people_are_trained() -> None:
    quoted = {text for file in DOCUMENTS for text in re.findall(r"[\"']([A-Z][^\"]*\?)[\"']", file.read_text("utf-8"))}
    assert "Is she wearing glasses?" in quoted
    assert len(quoted) >= 3
    rng = random.Random(0)
    forms = [text for name in YES_NO for text in trained_forms(name, broad=True)]
    forms += [text for field in CHOICES for text in open_forms(field)]
    drawn = [subject(who, rng, neutral=False) for who in PEOPLE for _ in range(100)]
    voices = {tuple(sorted(voice.items())): voice for voice in drawn}.values()
    trained = {text.format_map(voice).lower() for text in forms for voice in voices}
    assert {as_words(text) for text in (*quoted, *TYPED)} <= trained


@pytest.mark.parametrize(
    ("holds", "known", "fits"),
    [
        (True, {}, True),
        (True, {"sunglasses": None}, True),
        (False, {"sunglasses": False}, True),
        (False, {"sunglasses": True}, False),
        (False, {}, False),
    ],
)
def test_glasses_are_named_only_where_sunglasses_do_not_change_the_answer(
    holds: bool, known: dict[str, bool | None], fits: bool
) -> None:
    assert fitting("eyeglasses", holds, known) is fits
    assert fitting("sunglasses", holds, known)
    for form in set(yes_no_forms("eyeglasses", broad=True)) - set(yes_no_forms("eyeglasses", broad=False)):
        assert re.search(r"\bglasses\b", form.text)


def test_words_for_several_attributes_need_the_rates_of_all() -> None:
    records = [AttributeRecord(eyeglasses=bool(i % 2), smile=bool(i % 3)) for i in range(300)]
    for known in (False, True):
        faces = [record.replace(sunglasses=False) if known else record for record in records]
        rates = measure_rates(faces)
        questions = [q for seed, face in enumerate(faces) for q in ask_questions(face, seed, rates=rates)]
        assert any(re.search(r"\bglasses\b", q.question.lower()) for q in questions) is known


def test_questions_are_typed_with_and_without_capital_and_mark() -> None:
    rng = random.Random(0)
    styles = Counter(typed("is this a hat", rng) for _ in range(800))
    assert styles.keys() == {"Is this a hat?", "is this a hat?", "Is this a hat", "is this a hat"}
    assert styles["Is this a hat?"] > 400
    assert {typed("tell me if it is", rng) for _ in range(100)} == {
        "Tell me if it is.", "tell me if it is.", "Tell me if it is", "tell me if it is",
    }  # fmt: skip
