"""Answers are read with their questions: another wording counts, a contradiction does not."""

from __future__ import annotations

import pytest
from test_reading import records

from unif2ace.attributes import TAXONOMY
from unif2ace.language import ask_questions
from unif2ace.language.phrases import COUNTED
from unif2ace.language.question import Question
from unif2ace.language.replies import Reply, options, read_answer

NUMBERS = ("none", "one", "two", "three", "four", "five", "six")


def test_the_grammars_own_answers_are_read_right():
    for record, seed in records(600):
        for q in ask_questions(record, seed, 10):
            reply = read_answer(q, q.answer)
            if q.kind == "yes_no":
                assert q.attribute is not None
                value = record.labels[q.attribute] if q.attribute in TAXONOMY.labels else record[q.attribute]
                assert reply.value == ("yes" if value else "no"), q
            elif q.kind in ("what", "which"):
                assert reply.value == record[str(q.attribute)], q
            elif q.kind == "count":
                named = {item for item in COUNTED[str(q.attribute)].items if item in q.answer}
                assert reply == Reply(str(NUMBERS.index(q.answer.split()[0].strip(".:,").lower())), frozenset(named)), q
            if q.kind == "which":
                assert reply.value in options(q)
                assert 2 <= len(options(q)) <= 3


@pytest.mark.parametrize(
    ("kind", "attribute", "answer", "value"),
    [
        ("yes_no", "smile", "yes", "yes"),
        ("yes_no", "smile", "She is smiling.", "yes"),
        ("yes_no", "smile", "Yes, there is a smile on her face.", "yes"),
        ("yes_no", "smile", "Yes, she isn't smiling.", None),
        ("yes_no", "smile", "perhaps", None),
        ("yes_no", "black_hair", "No, her hair is brown.", "no"),
        ("yes_no", "black_hair", "Her hair is black", "yes"),
        ("yes_no", "black_hair", "No, her hair is black.", None),
        ("yes_no", "black_hair", "No, her eyes are black.", "no"),
        ("yes_no", "mask", "no mask covers his face", "no"),
        ("what", "hair_colour", "Brown.", "brown"),
        ("what", "hair_colour", "It is brown", "brown"),
        ("what", "hair_colour", "She has long brown hair and blue eyes.", "brown"),
        ("what", "hair_colour", "Her eyes are brown.", None),
        ("what", "hair_colour", "brown or black", None),
        ("what", "emotion", "cheerful", "happiness"),
        ("what", "emotion", "Her face shows happiness.", "happiness"),
        ("what", "gaze_direction", "at the camera", "camera"),
        ("what", "gaze_direction", "He is looking down.", "down"),
        ("which", "head_tilt", "Tilted to the left", "left"),
        ("which", "head_turn", "straight ahead", "front"),
        ("what", "gender", "It is a man.", "man"),
        ("what", "age", "She looks middle-aged", "middle-aged"),
        ("what", "hat_kind", "a wide-brimmed hat", "wide-brimmed hat"),
        ("what", "clothing", "She wears a blue top with a crew neck.", "crew-neck top"),
        ("what", "background", "outdoors", "outdoors"),
        ("what", "earring_kind", "hoop earrings", "hoops"),
        ("count", "accessories", "Two", "2"),
        ("count", "accessories", "2: a hat and glasses", "2"),
        ("count", "accessories", "None of them.", "0"),
        ("count", "accessories", "glorp", None),
    ],
)
def test_an_answer_in_other_words_has_the_same_value(kind: str, attribute: str, answer: str, value: str | None):
    assert read_answer(Question("?", "", kind, attribute), answer).value == value  # type: ignore[arg-type]


def test_a_count_may_leave_out_what_it_counts_but_not_name_other_things():
    question = Question("How many accessories is he wearing?", "", "count", "accessories")
    truth = read_answer(question, "Two: a hat and glasses.")
    assert truth.items == {"a hat", "glasses"}
    assert [read_answer(question, said).agrees(truth) for said in ("two", "2, namely glasses and a hat")] == [
        True,
        True,
    ]
    wrong = ("Two: a hat and a necktie.", "Three: a hat, glasses and earrings", "One: a hat", "")
    assert not any(read_answer(question, said).agrees(truth) for said in wrong)


def test_of_a_question_about_something_unknown_the_words_are_compared():
    question = Question("What does the sign say?", "", "what", None)
    truth = read_answer(question, 'The sign says "Stop".')
    assert read_answer(question, "the sign says stop").agrees(truth)
    assert not read_answer(question, "the sign says go").agrees(truth)
    assert not read_answer(question, "").agrees(read_answer(question, ""))
