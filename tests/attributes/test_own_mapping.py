"""A mapping of one's own: a yaml file by its path, with yes/no labels and columns of words."""

import pytest

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.errors import DataError

OWN = """
Sex: {gender: {male: man, F: woman, '1': man}}
glasses: {present: {eyeglasses: true}, absent: {eyeglasses: false}}
headwear:
  hat: {none: false, cap: true, beanie: true}
  hat_kind: {cap: cap, beanie: beanie}
answer: {smile: {yes: true, no: false}}
note:
"""


@pytest.fixture
def own(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(OWN)
    return AttributeMapping(str(file))


@pytest.mark.parametrize(
    ("labels", "record"),
    [
        ({"sex": "Male", "glasses": True}, AttributeRecord(gender="man", eyeglasses=True)),
        ({"Sex": "f", "glasses": False}, AttributeRecord(gender="woman", eyeglasses=False)),
        ({"Sex": "1"}, AttributeRecord(gender="man")),
        ({"sex ": " MALE"}, AttributeRecord(gender="man")),
        ({"headwear": "cap"}, AttributeRecord(hat=True, hat_kind="cap")),
        ({"headwear": "none"}, AttributeRecord(hat=False)),
        ({"answer": "yes"}, AttributeRecord(smile=True)),
        ({"answer": None, "note": True, "Sex": None}, AttributeRecord()),
    ],
)
def test_words_and_yes_no_labels_become_values(own, labels, record):
    assert own(labels) == record


def test_a_label_without_an_entry_is_ignored(own):
    assert [label for label in own.meanings if own.ignores(label)] == ["note"]


def test_choices_are_the_words_of_a_column(own):
    assert own.choices("headwear") == ("none", "cap", "beanie")
    assert own.choices("glasses") == ()
    assert own.of_positive(["glasses"]) == AttributeRecord(eyeglasses=True)
    with pytest.raises(
        DataError, match=r"'mal', which is not in mapping .*; use one of male, f, 1 .did you mean 'male'"
    ):
        own({"Sex": "mal"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sex: {gender: {male: mann}}", r"label 'sex': .*'mann'.*did you mean 'man'"),
        ("sex: {gendre: {male: man}}", "did you mean 'gender'"),
        ("sex: {presen: {gender: man}}", "'presen'"),
        ("sex: {present: {gender: man}, gender: {male: man}}", "either present and absent, or"),
        ("sex: {present: man}", "write present: {ATTRIBUTE: VALUE}"),
        ("sex: man", "'man' is not valid; write sex"),
        ("sex: {gender: {m: man}}\nSex : {gender: {m: woman}}", "'Sex' occurs twice.*line 2"),
        ("sex: {gender: {m: man, M: woman}}", "'M' occurs twice"),
        ("- sex", "has no entries; write one per label"),
        ("sex: {gender", "not valid YAML"),
        ("", "has no entries; write one per label"),
    ],
)
def test_mistakes_in_a_mapping_are_named(tmp_path, text, message):
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        AttributeMapping(str(tmp_path / "own.yaml"))


def test_a_missing_file_and_an_unknown_name_say_what_there_is(tmp_path, own):
    with pytest.raises(DataError, match=r"did you mean 'own\.yaml'"):
        AttributeMapping(str(tmp_path / "owm.yaml"))
    with pytest.raises(DataError, match=r"or the path of a \.yaml file"):
        AttributeMapping("own")
