"""Scores of questions in other words: what is asked, and the exact scores of answerers that are known."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

import pytest

from unif2ace.attributes import AttributeRecord
from unif2ace.evaluation.paraphrases import Paraphrase, paraphrased
from unif2ace.language.balance import answerable
from unif2ace.language.phrases import YES_NO
from unif2ace.language.question_frames import trained_forms
from unif2ace.metrics.scores import ParaphraseScore, paraphrase_scores
from unif2ace.synthetic import sample_face

RECORDS = [sample_face(seed).record for seed in range(120)]
COUNT = 20
Answer = Callable[[Paraphrase, bool], str]
"""Answers a paraphrase, or its plain wording if the second argument is true."""


@pytest.fixture(scope="module")
def asked() -> list[Paraphrase]:
    return paraphrased(RECORDS, COUNT)


def score(asked: list[Paraphrase], answer: Answer) -> ParaphraseScore:
    found = paraphrase_scores([one.verdict(answer(one, True), answer(one, False)) for one in asked], resamples=50)
    assert found is not None
    return found


def truth(one: Paraphrase, plain: bool = False) -> str:
    return "Yes." if one.holds else "No."


def test_each_attribute_is_asked_about_in_twenty_wordings_half_of_them_true_and_half_untrained(
    asked: list[Paraphrase],
) -> None:
    by_name = defaultdict(list)
    for one in asked:
        by_name[one.attribute].append(one)
        assert answerable(RECORDS[one.sample])[one.attribute] is one.holds
    assert len(by_name) > 40
    for name, some in by_name.items():
        assert len({one.text for one in some} - {some[0].plain}) == COUNT, name
        kinds = Counter((one.holds, one.trained) for one in some)
        assert set(kinds.values()) == {COUNT // 4}, (name, kinds)


def test_the_plain_wording_is_that_of_training() -> None:
    for name, entry in YES_NO.items():
        assert entry.ask[0] in trained_forms(name, broad=False)


def test_the_same_seed_asks_the_same_and_no_answers_leave_nothing(asked: list[Paraphrase]) -> None:
    assert paraphrased(RECORDS, COUNT) == asked != paraphrased(RECORDS, COUNT, seed=1)
    assert paraphrased(RECORDS, 0) == []
    assert paraphrase_scores([]) is None
    alike = [AttributeRecord(hat=True, smile=bool(i % 2)) for i in range(10)]
    assert {one.attribute for one in paraphrased(alike, 4)} == {"smile"}


def test_glasses_are_asked_about_only_where_the_label_answers() -> None:
    faces = [AttributeRecord(eyeglasses=i < 20, sunglasses=i >= 20) for i in range(40)]
    texts = [one.text.lower() for one in paraphrased(faces, 60) if one.attribute == "eyeglasses" and not one.holds]
    assert texts
    assert not any(" glasses" in text.replace("dark glasses", "") for text in texts)


@pytest.mark.parametrize(
    ("answer", "normalised", "plain", "topic", "same"),
    [
        (truth, 1, 1, 1, 1),
        (lambda one, plain: "No.", 0, 0, 1, 1),
        (lambda one, plain: "No." if one.holds else "Yes.", -1, -1, 1, 1),
        (lambda one, plain: truth(one) if plain else "Yes.", 0, 1, 1, 0.5),
        (lambda one, plain: truth(one) if plain or one.trained else "It is raining.", 0, 1, 0.5, 0.5),
    ],
)
def test_known_answerers_have_exact_scores(
    asked: list[Paraphrase],
    answer: Answer,
    normalised: float,
    plain: float,
    topic: float,
    same: float,
) -> None:
    found = score(asked, answer)
    assert found.questions == len(asked)
    assert [found.normalised.value, found.plain.value] == [normalised, plain]
    assert [found.topic.value, found.same.value] == [topic, same]
    assert found.normalised.low <= found.normalised.value <= found.normalised.high


def test_an_answer_about_another_attribute_is_wrong_even_if_it_agrees(asked: list[Paraphrase]) -> None:
    some = [one for one in asked if one.attribute in ("eyeglasses", "smile", "beard")]

    def elsewhere(one: Paraphrase, plain: bool) -> str:
        words = "wearing a necklace" if one.holds else "not wearing a necklace"
        return truth(one) if plain else f"{truth(one)[:-1]}, the person is {words}."

    found = score(some, elsewhere)
    assert (found.normalised.value, found.plain.value, found.topic.value, found.same.value) == (-1, 1, 0, 0)
    assert all(shares == (COUNT, 0, 0, 0) for shares in found.attributes.values())


def test_wordings_that_are_not_trained_are_scored_apart_and_attributes_too(asked: list[Paraphrase]) -> None:
    found = score(asked, lambda one, plain: truth(one) if plain or one.trained or one.attribute == "hat" else "")
    others = len(found.attributes) - 1
    assert found.untrained.value == pytest.approx(1 - 2 * others / len(found.attributes))
    assert found.attributes["hat"] == (COUNT, 1, 1, 1)
    assert found.attributes["smile"] == (COUNT, 0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("Yes, she is wearing glasses.", True),
        ("No, he doesn't wear eyeglasses.", True),
        ("Yes.", True),
        ("No, she is not.", True),
        ("No, he doesn't wear heavy makeup.", False),
        ("Yes, she is wearing sunglasses.", False),
        ("", False),
    ],
)
def test_what_an_answer_is_about(said: str, about: bool) -> None:
    one = Paraphrase(0, "eyeglasses", True, "Is the person wearing eyeglasses?", "glasses?", True)
    assert one.verdict(said, said).topic is about
