"""The typed record: null where nothing is known, no contradictions, and laws of equality."""

import pytest

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.errors import DataError


def test_the_taxonomy_has_46_labels_in_three_families():
    assert len(TAXONOMY.labels) == 46
    families = [label.family for label in TAXONOMY.labels.values()]
    assert [families.count(f) for f in ("appearance", "action", "emotion")] == [32, 8, 6]


def test_an_empty_record_says_nothing():
    record = AttributeRecord()
    assert set(record.values()) == {None}
    assert set(record.labels.values()) == {None}


def test_a_field_decides_all_its_labels():
    labels = AttributeRecord(hair_colour="black").labels
    assert labels["black_hair"] is True
    assert [labels[f"{c}_hair"] for c in ("blond", "brown", "gray")] == [False, False, False]
    assert labels["bald"] is None


def test_a_label_stated_true_is_its_fields_value():
    assert AttributeRecord(black_hair=True) == AttributeRecord(hair_colour="black")
    assert AttributeRecord(black_hair=True).labels["blond_hair"] is False


def test_a_label_stated_false_guesses_no_value():
    record = AttributeRecord(black_hair=False)
    assert record["hair_colour"] is None
    assert record.labels["black_hair"] is False
    assert record.labels["blond_hair"] is None


@pytest.mark.parametrize(
    "values",
    [
        {"black_hair": True, "blond_hair": True},
        {"hair_colour": "black", "black_hair": False},
        {"hair_colour": "red", "black_hair": True},
        {"glasses_shape": "round"},
        {"glasses_shape": "round", "eyeglasses": False},
    ],
)
def test_contradictions_are_errors(values):
    with pytest.raises(DataError):
        AttributeRecord(values)


def test_an_unknown_name_or_value_is_an_error_that_names_the_nearest():
    with pytest.raises(DataError, match="'beard'"):
        AttributeRecord(berd=True)
    with pytest.raises(DataError, match="did you mean 'black'"):
        AttributeRecord(hair_colour="blackk")
    with pytest.raises(DataError, match="'beard' is 1"):
        AttributeRecord(beard=1)  # type: ignore[arg-type]


def test_equal_records_have_equal_hashes_whatever_the_order():
    one = AttributeRecord({"black_hair": False, "blond_hair": False, "beard": True})
    two = AttributeRecord({"beard": True, "blond_hair": False, "black_hair": False})
    assert one == two
    assert hash(one) == hash(two)
    assert len({one, two}) == 1


def test_json_is_read_back_as_the_same_record():
    record = AttributeRecord(hair_colour="red", wavy_hair=False, hat=True, hat_kind="cap", smile=None)
    assert AttributeRecord(record.to_json()) == record


def test_hiding_a_field_hides_its_labels_and_what_requires_it():
    record = AttributeRecord(black_hair=False, eyeglasses=True, glasses_shape="round", beard=True)
    hidden = record.hide("hair_colour", "eyeglasses")
    assert hidden == AttributeRecord(beard=True)
    with pytest.raises(DataError, match="hair_colour"):
        record.hide("hair_color")


def test_replacing_a_field_forgets_what_was_stated_of_its_labels():
    record = AttributeRecord(black_hair=False, wavy_hair=False)
    assert record.replace(hair_colour="black") == AttributeRecord(hair_colour="black", wavy_hair=False)
    assert record.replace(beard=True).labels["black_hair"] is False


def test_labels_and_details_together_tell_every_value_once():
    told = [(a.field, a.value) for a in (*TAXONOMY.labels.values(), *TAXONOMY.details.values())]
    every = [(f.name, value) for f in TAXONOMY.fields.values() for value in f.choices or (True,)]
    assert sorted(told, key=str) == sorted(every, key=str)
    assert not TAXONOMY.details.keys() & {*TAXONOMY.labels, *(f.name for f in TAXONOMY.fields.values() if f.choices)}
