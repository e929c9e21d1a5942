"""Laws of questions: right answers, spread over kinds, balanced over answers, and no hint at the answer."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language import SYNTHETIC_RATES, ask_questions, measure_rates
from unif2ace.language.phrases import CHOICES, YES_NO
from unif2ace.language.question import Question

GENDERED = (
    *("beard", "moustache", "lipstick", "heavy_makeup", "earrings", "necklace", "necktie", "bald", "long_hair"),
    *("hair_colour", "hair_length", "hair_texture", "gender", "hat", "eyeglasses", "bushy_eyebrows", "smile"),
)
EVIDENCE = {
    "is laughing": ("laugh", True), "are laughing": ("laugh", True), "a smile": ("smile", True),
    "no smile": ("smile", False), "frowning": ("frown", True), "no frown": ("frown", False), "a glare": ("glare", True),
    "mouth is open": ("mouth_open", True), "mouth is closed": ("mouth_open", False),
    "wearing sunglasses": ("sunglasses", True), "a mask covers": ("mask", True),
    "eyes are closed": ("eyes_closed", True),
    "a beard": ("beard", True), "a goatee": ("goatee", True), "a mustache": ("moustache", True),
    "five o'clock": ("five_o_clock_shadow", True), "no beard": ("beard", False),
}  # fmt: skip
ITEMS = {
    "a hat": ("hat",), "glasses": ("eyeglasses", "sunglasses"), "earrings": ("earrings",), "a necklace": ("necklace",),
    "a necktie": ("necktie",), "a face mask": ("mask",), "high cheekbones": ("high_cheekbones",),
    "a double chin": ("double_chin",), "a big nose": ("big_nose",), "full lips": ("full_lips",),
    "freckles": ("freckles",), "rosy cheeks": ("rosy_cheeks",), "narrow eyes": ("narrow_eyes",),
    "bags under the eyes": ("bags_under_eyes",), "arched eyebrows": ("arched_eyebrows",),
    "bushy eyebrows": ("bushy_eyebrows",),
}  # fmt: skip
NUMBERS = ("None", "One", "Two", "Three", "Four", "Five", "Six")

Asked = list[tuple[AttributeRecord, list[Question]]]


@pytest.fixture(scope="module")
def asked(many_faces: list[AttributeRecord]) -> Asked:
    rates = measure_rates(many_faces)
    return [(record, ask_questions(record, seed, rates=rates)) for seed, record in enumerate(many_faces)]


def of_kind(asked: Asked, kind: str) -> list[tuple[AttributeRecord, Question]]:
    return [(record, q) for record, questions in asked for q in questions if q.kind == kind]


def truth(record: AttributeRecord, name: str) -> bool | None:
    value = record.labels[name] if name in TAXONOMY.labels else record[name]
    assert value is None or isinstance(value, bool)
    return value


def test_a_face_gets_eight_different_questions(asked: Asked) -> None:
    for _, questions in asked:
        assert len({q.question for q in questions}) == len(questions) == 8


def test_the_number_can_be_chosen(faces: list[AttributeRecord]) -> None:
    assert [len(ask_questions(faces[0], 0, count)) for count in (0, 1, 5, 12)] == [0, 1, 5, 12]


def test_kinds_are_spread(asked: Asked) -> None:
    kinds = Counter(q.kind for _, questions in asked for q in questions)
    total = sum(kinds.values())
    assert set(kinds) == {"yes_no", "what", "which", "count", "reason"}
    assert all(0.1 < number / total < 0.4 for number in kinds.values()), kinds


def test_yes_and_no_come_equally_often_for_each_attribute(asked: Asked) -> None:
    answers: dict[str, Counter[bool]] = defaultdict(Counter)
    for record, q in of_kind(asked, "yes_no"):
        answers[q.attribute][truth(record, q.attribute) is True] += 1
    assert set(answers) == set(YES_NO)
    for name, counts in answers.items():
        assert abs(counts[True] - counts[False]) < 4.5 * counts.total() ** 0.5, (name, counts)
    total = sum(answers.values(), Counter())
    assert abs(total[True] - total[False]) < 3.5 * total.total() ** 0.5, total
    # Were the attributes biased, even slightly, their squared deviations would add up to more than chance allows.
    deviations = [(c[True] - c[False]) ** 2 / c.total() for c in answers.values()]
    assert sum(deviations) < len(deviations) + 4 * (2 * len(deviations)) ** 0.5


def test_yes_no_answers_are_right(asked: Asked) -> None:
    for record, q in of_kind(asked, "yes_no"):
        assert q.answer.split(",")[0] == {True: "Yes", False: "No"}[truth(record, q.attribute)], q


def test_an_open_answer_names_the_value(asked: Asked) -> None:
    for kind in ("what", "which"):
        for record, q in of_kind(asked, kind):
            name = CHOICES[q.attribute].names[str(record[q.attribute])]
            assert name.lower() in q.answer.lower(), q
            if kind == "which":
                assert name.lower() in q.question.lower(), q


def test_counts_are_right(asked: Asked) -> None:
    for record, q in of_kind(asked, "count"):
        listed = q.question.partition(": ")[2].rstrip("?")
        items = re.split(r",? and |, ", listed) if listed else [i for i in ITEMS if record_group(i) == q.attribute]
        present = {item for item in items if any(record[field] is True for field in ITEMS[item])}
        assert all(any(record[f] is True for f in ITEMS[i]) or None not in [record[f] for f in ITEMS[i]] for i in items)
        number, named = q.answer.rstrip(".").split(" ")[0].strip(":,"), {i for i in items if i in q.answer}
        assert number == NUMBERS[len(present)], q
        assert named == present, q


def record_group(item: str) -> str:
    return TAXONOMY.fields[ITEMS[item][0]].group


def test_a_reason_cites_what_can_be_seen(asked: Asked) -> None:
    for record, q in of_kind(asked, "reason"):
        evidence = re.split(r"[Bb]ecause |since |: ", q.answer, maxsplit=1)[1]
        cited = {pair for words, pair in EVIDENCE.items() if re.search(rf"\b{words}", evidence)}
        assert cited, q
        assert all(record[name] == value for name, value in cited), (q, record)


def test_questions_on_gendered_attributes_seldom_tell_the_gender(asked: Asked) -> None:
    telling: Counter[tuple[str, bool]] = Counter()
    for _, q in (pair for kind in ("yes_no", "what", "which") for pair in of_kind(asked, kind)):
        rest = re.sub(r"a (man|woman) or a (man|woman)", "", q.question)
        telling[q.attribute, bool(re.search(r"\b(he|she|his|her|him|man|woman)\b", rest, re.IGNORECASE))] += 1
    for name in GENDERED:
        share = telling[name, True] / (telling[name, True] + telling[name, False])
        assert share == 0 if name == "gender" else 0.05 < share < 0.3, (name, share)


def test_questions_and_answers_are_well_formed(asked: Asked) -> None:
    for _, questions in asked[:3000]:
        for q in questions:
            assert q.question[0].isupper() or q.question == q.question.lower(), q
            assert q.question[-1] == "?" or q.question[-1].isalnum() or q.question[:7].lower() == "tell me", q
            assert q.answer[0].isupper(), q
            assert q.answer.endswith("."), q
            assert not re.search(
                r"[{}]|  |\b[Aa] [aeiou]|\b[Aa]n [^aeiou]|person.*the person's", q.question + q.answer
            ), q


def test_what_is_null_is_not_asked(sparse_faces: list[AttributeRecord]) -> None:
    rates = measure_rates(sparse_faces)
    for seed, record in enumerate(sparse_faces):
        for q in ask_questions(record, seed, rates=rates):
            if q.kind == "yes_no":
                assert truth(record, q.attribute) is not None
            elif q.kind in ("what", "which"):
                assert record[q.attribute] is not None


def test_labels_of_real_photographs_give_eight_questions_too(sparse_faces: list[AttributeRecord]) -> None:
    rates = measure_rates(sparse_faces)
    numbers = [len(ask_questions(record, seed, rates=rates)) for seed, record in enumerate(sparse_faces)]
    assert sum(number == 8 for number in numbers) > 0.97 * len(numbers)


def test_what_has_one_answer_in_the_data_set_is_not_asked() -> None:
    records = [
        AttributeRecord(hat=False, smile=bool(i % 2), age="young", hair_colour=("black", "red")[i % 3 == 0])
        for i in range(60)
    ]
    rates = measure_rates(records)
    asked = {q.attribute for seed, record in enumerate(records) for q in ask_questions(record, seed, rates=rates)}
    assert asked == {"smile", "hair_colour", "black_hair"}


def test_nothing_known_nothing_asked() -> None:
    assert ask_questions(AttributeRecord(), 5) == []


def test_the_same_seed_asks_the_same(faces: list[AttributeRecord]) -> None:
    assert ask_questions(faces[3], 9) == ask_questions(faces[3], 9)
    assert ask_questions(faces[3], 9) != ask_questions(faces[3], 10)


def test_rates_are_shares_of_what_is_known() -> None:
    records = [AttributeRecord(hat=True), AttributeRecord(hat=False), AttributeRecord(), AttributeRecord(hat=True)]
    rates = measure_rates(records)
    assert rates == {"hat": pytest.approx(2 / 3)}
    labelled = measure_rates([AttributeRecord(hair_colour="red"), AttributeRecord(black_hair=False)])
    assert labelled["black_hair"] == 0.0
    assert (labelled["hair_colour=red"], labelled["hair_colour=black"]) == (1.0, 0.0)


def test_the_default_rates_are_those_of_synthetic_faces() -> None:
    from unif2ace.synthetic import sample_face

    records = [sample_face(seed).record for seed in range(2000)]
    for name, rate in measure_rates(records).items():
        assert abs(rate - SYNTHETIC_RATES[name]) < 0.05, (name, rate)
