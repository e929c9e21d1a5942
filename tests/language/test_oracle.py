"""The captions and answers of the grammar state nothing that is false, unsupported or unread; nor does their reader."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from oracle import GRAMMAR, Fault, check, faults_of_caption, read_caption
from oracle_answers import faults_of_answer
from oracle_examples import BROKEN, EXCHANGES, TRUE, WOMAN
from oracle_parser import SUPPOSED, Statement

from unif2ace.attributes import TAXONOMY, AttributeMapping, AttributeRecord
from unif2ace.language import ask_questions, write_caption

EXAMPLES = [(f, v, text) for f, values in TRUE.items() for v, texts in values.items() for text in texts]
MAPPINGS = {name: AttributeMapping(name) for name in ("celeba", "celebv_hq")}
# One word turned into its contrary, wherever it stands.
SWAPS = {
    **{"left": "right", "right": "left", "open": "closed", "closed": "open", "young": "elderly", "elderly": "young"},
    **{
        "man": "woman",
        "woman": "man",
        "he": "she",
        "she": "he",
        "wavy": "curly",
        "oval": "round",
        "no": "a",
        "not": "always",
    },
    **{
        "black": "red",
        "brown": "blue",
        "blond": "gray",
        "happy": "sad",
        "angry": "happy",
    },
    **{
        "up": "down",
        "down": "up",
        "upward": "downward",
        "fair": "pale",
        "dark": "olive",
        "plum": "pink",
        "beanie": "cap",
    },
}


@pytest.mark.parametrize(("field", "value", "text"), EXAMPLES)
def test_a_sentence_is_true_of_its_value_false_of_others_and_unsupported_by_null(
    field: str, value: str | bool, text: str
) -> None:
    known = _known(field)
    others = [v for v in TAXONOMY.fields[field].values if v != value]
    said = read_caption(text)
    about = [s for s in said.statements if s.attribute == field]
    assert not said.faults
    assert len(about) == 1
    assert not check(about, AttributeRecord({**known, field: value}))
    assert all([f.sort for f in check(about, AttributeRecord({**known, field: o}))] == ["false"] for o in others)
    assert [f.sort for f in check(about, AttributeRecord(known))] == ["unsupported"]


def test_the_examples_cover_every_value_of_every_field() -> None:
    said = {(f, v) for f, v, _ in EXAMPLES}
    missing = [(f.name, v) for f in TAXONOMY.fields.values() for v in f.values if (f.name, v) not in said]
    assert missing == [("bald", False), ("sunglasses", False), ("make_a_face", False)]


def test_glasses_of_any_kind_and_facial_hair_of_any_kind_are_denied_together() -> None:
    for text, names in (
        ("The person does not wear glasses.", ("eyeglasses", "sunglasses")),
        ("The person is clean-shaven.", ("beard", "goatee", "moustache", "five_o_clock_shadow")),
    ):
        none = AttributeRecord(dict.fromkeys(names, False))
        assert not faults_of_caption(text, none)
        for name in names:
            assert [f.sort for f in faults_of_caption(text, none.replace(**{name: True}))] == ["false"]
            assert [f.sort for f in faults_of_caption(text, none.hide(name))] == ["unsupported"]


def test_a_label_that_is_stated_outright_bears_out_its_denial_and_no_more() -> None:
    record = AttributeRecord({"black_hair": False})
    assert not faults_of_caption("The person's hair is not black.", record)
    assert [f.sort for f in faults_of_caption("The person's hair is not brown.", record)] == ["unsupported"]
    assert [f.sort for f in faults_of_caption("The person has black hair.", record)] == ["false"]


def test_they_is_for_whom_no_gender_is_known() -> None:
    assert not faults_of_caption("They have bangs.", AttributeRecord({"bangs": True}))
    assert [
        f.sort for f in faults_of_caption("They have bangs.", AttributeRecord({"bangs": True, "gender": "man"}))
    ] == ["false"]


@pytest.mark.parametrize(("text", "sort"), BROKEN)
def test_broken_text_is_a_fault(text: str, sort: str) -> None:
    record = AttributeRecord({"gender": "man", "age": "elderly", "bangs": True, "smile": True})
    assert sort in {f.sort for f in faults_of_caption(text, record)}


@pytest.mark.parametrize(("question", "answer", "kind", "attribute", "sort"), EXCHANGES)
def test_an_answer_is_judged_with_its_question(
    question: str, answer: str, kind: str, attribute: str, sort: str | None
) -> None:
    faults = faults_of_answer(question, answer, kind, attribute, AttributeRecord(WOMAN))
    assert sort in {f.sort for f in faults} if sort else not faults, faults


def test_every_flipped_field_is_caught_in_captions_that_state_it() -> None:
    caught: Counter[str] = Counter()
    for record, seed in _records(240, start=77):
        said = [s for s in read_caption(write_caption(record, seed)).statements if s.attribute in TAXONOMY.fields]
        for statement in said:
            if record[statement.attribute] is None:
                continue
            values = [v for v in TAXONOMY.fields[statement.attribute].values if v != record[statement.attribute]]
            others = [statement.value] if not statement.holds else values
            for other in others:
                caught[statement.attribute] += 1
                changed = AttributeRecord({**_alone(record, statement.attribute), statement.attribute: other})
                assert Fault("false", _said(statement)) in check([statement], changed)
    assert len(caught) > 45


def test_a_word_turned_into_its_contrary_is_caught() -> None:
    tried: Counter[str] = Counter()
    for record, seed in _records(120, start=3):
        text = write_caption(record, seed)
        for match in re.finditer(r"[\w-]+", text):
            word = match[0]
            near = text[max(0, match.start() - 25) : match.end() + 25]
            if word.lower() not in SWAPS or "neither" in near or f"not {word}" in near:
                continue
            swapped = SWAPS[word.lower()]
            changed = text[: match.start()] + (swapped.title() if word.istitle() else swapped) + text[match.end() :]
            tried[word] += 1
            assert faults_of_caption(changed, record), (word, changed)
    assert len(tried) > 25


def test_of_words_changed_at_random_all_but_a_few_are_caught() -> None:
    """What is left are changes that stay true, as leaving out "young" does."""
    rng, tried, caught = random.Random(0), 0, 0
    words = sorted(w for w in GRAMMAR.words if w[0].isalpha())
    for record, seed in _records(120, start=50_000):
        text = write_caption(record, seed)
        places = list(re.finditer(r"[\w'-]+", text))
        for place in rng.choices(places, k=10):
            new = rng.choice(("", f"{place[0]} {rng.choice(words)}", rng.choice(words)))
            new = new[:1].upper() + new[1:] if place[0][0].isupper() else new
            changed = re.sub(r" +(?=[ .,;])", "", text[: place.start()] + new + text[place.end() :])
            tried += changed != text
            caught += changed != text and bool(faults_of_caption(changed, record))
    assert caught >= 0.97 * tried, f"{caught} of {tried}"


def test_an_answer_is_caught_where_its_attribute_is_hidden_or_its_yes_is_no() -> None:
    caught: Counter[str] = Counter()
    for record, seed in _records(300, start=9_000):
        for q in ask_questions(record, seed, count=8):
            name = q.attribute or ""
            field = TAXONOMY.labels[name].field if name in TAXONOMY.labels else name
            if field in TAXONOMY.fields:
                caught[q.kind] += 1
                assert faults_of_answer(q.question, q.answer, q.kind, q.attribute, record.hide(field)), q
            if q.kind == "yes_no":
                other = (
                    q.answer.replace("Yes", "No") if q.answer.startswith("Yes") else q.answer.replace("No", "Yes", 1)
                )
                assert faults_of_answer(q.question, other, q.kind, q.attribute, record), (q, other)
    assert set(caught) >= {"yes_no", "what", "which", "reason"}


def test_no_fault_in_200_captions_and_1500_answers() -> None:
    _assert_sound(captions=200, answers=1_500)


@pytest.mark.slow
def test_no_fault_in_10000_captions_and_80000_answers() -> None:
    _assert_sound(captions=10_000, answers=80_000)


def _assert_sound(captions: int, answers: int) -> None:
    """Writes and reads that much text, on records of all sorts, and shows what is wrong with it."""
    faults: Counter[Fault] = Counter()
    example: dict[Fault, str] = {}
    states: set[Statement] = set()
    asked: Counter[str] = Counter()
    for record, seed in _records(max(captions, answers // 8 + 400), start=1_000_000):
        if seed % 1_000_000 < captions:
            text = write_caption(record, seed, style="short" if seed % 2 else "dense")
            states |= read_caption(text).statements
            for fault in faults_of_caption(text, record):
                faults[fault] += 1
                example.setdefault(fault, text)
        if asked.total() < answers:
            questions = ask_questions(record, seed, count=8)
            for twice, times in Counter(q.question for q in questions).items():
                if times > 1:
                    faults[Fault("repeated", twice)] += 1
                    example.setdefault(Fault("repeated", twice), repr(record))
            for q in questions:
                asked[q.kind] += 1
                for fault in faults_of_answer(q.question, q.answer, q.kind, q.attribute, record):
                    faults[fault] += 1
                    example.setdefault(fault, f"{q.question} {q.answer}")
    assert not faults, "\n".join(f"{n} {f.sort}: {f.detail}\n    {example[f]}" for f, n in faults.most_common(40))
    assert asked.total() >= answers
    assert set(asked) == {"yes_no", "what", "which", "count", "reason"}
    stated = {(s.attribute, s.value) for s in states if s.holds}
    values = {(f.name, v) for f in TAXONOMY.fields.values() for v in f.values if v is not False}
    assert values <= stated, f"never stated: {sorted(map(str, values - stated))}"


def _records(count: int, start: int) -> Iterator[tuple[AttributeRecord, int]]:
    """Records of three sorts by turns: of drawn faces, as labels of public data sets, and of values at random."""
    sorts = [_of_labels, _at_random, _of_a_face]
    for seed in range(start, start + count):
        yield sorts[seed % 3](random.Random(seed)), seed


def _of_labels(rng: random.Random) -> AttributeRecord:
    mapping = MAPPINGS[rng.choice(("celeba", "celebv_hq"))]
    share = rng.uniform(0, 0.4)
    return mapping({name: rng.random() < share for name in mapping.meanings if rng.random() < 0.9})


def _at_random(rng: random.Random) -> AttributeRecord:
    unknown = rng.choice((0.05, 0.3, 0.7))
    values: dict[str, str | bool] = {}
    for field in TAXONOMY.fields.values():
        if rng.random() >= unknown and (field.requires is None or values.get(field.requires) is True):
            values[field.name] = rng.choice(field.values)
    return AttributeRecord(values)


def _of_a_face(rng: random.Random) -> AttributeRecord:
    from unif2ace.synthetic import sample_face

    return sample_face(rng.randrange(2**31)).record


def _known(field: str) -> dict[str, str | bool | None]:
    """What else has to be known of a record for `field` to have a value."""
    required = TAXONOMY.fields[field].requires
    return {required: True} if required else {}


def _alone(record: AttributeRecord, field: str) -> dict[str, str | bool | None]:
    """The record without what depends on a field, nor labels of it."""
    return {n: v for n, v in record.hide(field).to_json().items() if v is not None and n not in SUPPOSED}


def _said(statement: Statement) -> str:
    return f"{statement.attribute} is {'' if statement.holds else 'not '}{statement.value}"
