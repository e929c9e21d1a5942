"""What a cell means: missing values, names of persons, captions and labels, as people and programs write them."""

import math

import pytest

from unif2ace.data.sources.cells import is_missing, parse_captions, parse_label, parse_name
from unif2ace.errors import DataError

GAPS = [None, "", "  ", "nan", "NaN", "None", "null", "N/A", "n/a", "NA", "#N/A", "<NA>", math.nan]


@pytest.mark.parametrize("cell", GAPS)
def test_every_usual_spelling_of_a_missing_value_is_missing(cell):
    assert is_missing(cell)
    assert parse_name(cell) is None
    assert parse_captions(cell) == ()
    assert parse_captions([cell, "A face."]) == ("A face.",)
    assert parse_label(cell) is None


@pytest.mark.parametrize("cell", [0, 0.0, "0", "0.0", False])
def test_zero_is_a_value(cell):
    assert not is_missing(cell)
    assert parse_label(cell) is False
    if cell is not False:
        assert parse_name(cell) == "0"


def test_one_person_has_one_name_however_it_is_written():
    assert {parse_name(cell) for cell in (7, 7.0, "7", " 7 ", "7.0")} == {"7"}
    assert parse_name("Zoe\u0308") == parse_name("Zo\u00eb")
    assert parse_name("007") == "007"
    assert {parse_name(cell) for cell in ("Ann Lee", "Ann  Lee", "Ann\u00a0Lee\t")} == {"Ann Lee"}


@pytest.mark.parametrize("cell", [{"en": "A face."}, 7, 7.5, True, "7", [{"en": "A"}], [3], [["A face."]]])
def test_what_is_no_caption_is_a_named_fault(cell):
    with pytest.raises(DataError, match="is not a caption"):
        parse_captions(cell)


@pytest.mark.parametrize("cell", [{"id": 7}, [7], True])
def test_what_is_no_name_is_a_named_fault(cell):
    with pytest.raises(DataError, match="is not the name of a person"):
        parse_name(cell)


def test_a_choice_is_a_word_even_if_it_is_spelled_like_a_missing_value():
    assert parse_label("None", ("none", "cap")) == "none"
    assert parse_label("nan", ("none", "cap")) is None
    assert parse_label(1.0, ("0", "1")) == "1"
    with pytest.raises(DataError, match="'hat' is not one of none, cap"):
        parse_label("hat", ("none", "cap"))
