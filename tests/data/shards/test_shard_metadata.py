from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.data.shards import Metadata, Rules, SampleFault, check_metadata, parse_metadata
from unif2ace.errors import DataError
from unif2ace.language.question import Question


def records() -> st.SearchStrategy[AttributeRecord]:
    def build(values: dict[str, object]) -> AttributeRecord:
        for name, field in TAXONOMY.fields.items():
            if field.requires and values.get(field.requires) is not True:
                values = {**values, name: None}
        return AttributeRecord(values)  # type: ignore[arg-type]

    value = {name: st.sampled_from((None, *field.values)) for name, field in TAXONOMY.fields.items()}
    return st.fixed_dictionaries(value).map(build)


words = st.text(min_size=1, max_size=50).filter(lambda s: s.isprintable())
questions = st.builds(
    Question,
    words,
    words,
    st.sampled_from(["yes_no", "what", "which", "count", "reason"]),
    st.sampled_from([None, "hair_colour", "black_hair", "accessories"]),
)


@given(
    st.builds(
        Metadata,
        source=words,
        license=words,
        caption=st.none() | words,
        captions=st.lists(words, max_size=3).map(tuple),
        attributes=records(),
        qa=st.lists(questions, max_size=3).map(tuple),
        provenance=st.dictionaries(words, st.integers() | words, max_size=2),
        identity=st.none() | words,
        extra=st.dictionaries(st.sampled_from(["native", "note"]), st.integers(), max_size=2),
    )
)
def test_metadata_comes_back_as_it_was_written(metadata: Metadata):
    read = parse_metadata(metadata.encode())
    assert read.record == metadata.record
    assert read.to_json() == metadata.to_json()
    assert read.encode() == metadata.encode()


@given(records(), st.sampled_from(sorted(TAXONOMY.fields)), st.sampled_from([1, 0, "purple", 2.0, [], {}, "True"]))
def test_the_fast_check_refuses_what_the_record_refuses(record: AttributeRecord, name: str, value: object):
    attributes = {**record.to_json(), name: value}
    tree = {"schema": 1, "source": "s", "license": "l", "attributes": attributes}
    try:
        AttributeRecord(attributes)  # type: ignore[arg-type]
        sound = True
    except (DataError, TypeError):
        sound = False
    if sound:
        check_metadata(tree)
    else:
        with pytest.raises(SampleFault, match="attributes"):
            check_metadata(tree)


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ({"schema": 2}, "schema"),
        ({"schema": True}, "schema"),
        ({"schema": ...}, "schema"),
        ({"source": ...}, "source"),
        ({"license": 3}, "license"),
        ({"caption": ""}, "caption"),
        ({"caption": 7}, "caption"),
        ({"caption": ["a"]}, "caption"),
        ({"caption": "x" * 1_000_000}, "caption"),
        ({"captions": "a"}, "captions"),
        ({"captions": ["a", ""]}, r"captions\[1\]"),
        ({"attributes": ["black_hair"]}, "attributes"),
        ({"attributes": {"hair_color": "black"}}, "hair_colour"),
        ({"attributes": {"eyeglasses": 1}}, "eyeglasses"),
        ({"attributes": {"hat": False, "hat_kind": "cap"}}, "hat"),
        ({"attributes": {"hair_colour": "black", "blond_hair": True}}, "blond_hair"),
        ({"qa": {}}, "qa"),
        ({"qa": ["?"]}, r"qa\[0\]"),
        ({"qa": [{"question": "?", "answer": "!", "kind": "what"}]}, "attribute"),
        ({"qa": [{"question": "?", "answer": "!", "kind": "why", "attribute": None}]}, r"qa\[0\].kind"),
        ({"qa": [{"question": "?", "answer": "!", "kind": [], "attribute": None}]}, r"qa\[0\].kind"),
        ({"qa": [{"question": "?", "answer": "!", "kind": "what", "attribute": "tail"}]}, r"qa\[0\].attribute"),
        ({"qa": [{"question": "?", "answer": 4, "kind": "what", "attribute": None}]}, "answer"),
        ({"provenance": "mine"}, "provenance"),
        ({"identity": 12}, "identity"),
    ],
)
def test_each_wrong_entry_is_named(altered, entries, names):
    with pytest.raises(SampleFault, match=names) as caught:
        parse_metadata(altered(**entries))
    assert caught.value.cause == "schema"
    assert len(str(caught.value)) < 500, "a million characters are not shown"


@pytest.mark.parametrize("data", [b"", b"{oops", b"\xff\xfe", b"[" * 100_000, "{}".encode("utf-16")])
def test_no_json_is_said_to_be_none(data):
    with pytest.raises(SampleFault) as caught:
        parse_metadata(data)
    assert caught.value.cause == "json"
    assert str(caught.value)


def test_required_entries_may_not_be_empty(altered):
    rules = Rules(require=("caption", "qa"))
    parse_metadata(altered(), rules)
    for entries in ({"caption": None}, {"caption": ...}, {"qa": []}):
        parse_metadata(altered(**entries))
        with pytest.raises(SampleFault) as caught:
            parse_metadata(altered(**entries), rules)
        assert caught.value.cause == "missing"


def test_a_required_entry_must_be_in_the_schema():
    with pytest.raises(DataError, match="caption"):
        Rules(require=("captoin",))


def test_too_large_metadata_is_not_parsed(altered):
    with pytest.raises(SampleFault) as caught:
        parse_metadata(altered(note="x" * 2000), Rules(max_bytes=1000))
    assert caught.value.cause == "size"


def test_entries_that_the_schema_does_not_know_are_kept(altered):
    assert parse_metadata(altered(native=95, note={"a": [1]})).extra == {"native": 95, "note": {"a": [1]}}


def test_a_stated_label_is_kept_without_a_guess(altered):
    read = parse_metadata(altered(attributes={"black_hair": False}))
    assert read.record.labels["black_hair"] is False
    assert read.record["hair_colour"] is None


@pytest.mark.parametrize(
    ("shard", "key", "text"),
    [
        ("", "", "torn"),
        ("a.tar", "", "shard a.tar: torn"),
        ("", "k", "sample k: torn"),
        ("a", "k", "shard a, sample k: torn"),
    ],
)
def test_a_fault_says_as_much_of_its_place_as_is_known(shard, key, text):
    assert str(SampleFault("image", "torn").at(shard, key)) == text


def test_a_fault_survives_the_way_from_a_worker_process():
    fault = SampleFault("image", "torn", "shard-000000.tar", "a")
    back = pickle.loads(pickle.dumps(fault))
    assert (back.cause, back.shard, back.key, str(back)) == ("image", "shard-000000.tar", "a", str(fault))
