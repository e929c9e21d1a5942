"""What an edit asks for, in everyday words, and the two descriptions that differ only in it."""

from __future__ import annotations

import pytest

from unif2ace.attributes import AttributeRecord
from unif2ace.language.instructions import describe_change, known_record, read_instruction, state_values
from unif2ace.language.reading import read_text

MAN = AttributeRecord(
    gender="man", age="middle-aged", hair_colour="brown", beard=True, eyeglasses=False, smile=False,
    clothing="suit jacket",
)  # fmt: skip

READ = {
    "with glasses": {"eyeglasses": True},
    "With Glasses!": {"eyeglasses": True},
    "add a hat": {"hat": True},
    "please put on a hat": {"hat": True},
    "remove the beard": {"beard": False},
    "get rid of his beard": {"beard": False},
    "without glasses": {"eyeglasses": False, "sunglasses": False},
    "without glasses and beard": {"eyeglasses": False, "sunglasses": False, "beard": False},
    "no glasses or hat": {"eyeglasses": False, "sunglasses": False, "hat": False},
    "without hat, with beard": {"hat": False, "beard": True},
    "remove the hat and add glasses": {"hat": False, "eyeglasses": True},
    "take off the sunglasses, blond hair": {"sunglasses": False, "hair_colour": "blond"},
    "make her smile": {"smile": True},
    "give her a big smile": {"smile": True},
    "not smiling": {"smile": False},
    "happy": {"emotion": "happiness"},
    "turn the hair red": {"hair_colour": "red"},
    "change hair to black": {"hair_colour": "black"},
    "long curly hair": {"hair_length": "long", "hair_texture": "curly"},
    "curly": {"hair_texture": "curly"},
    "make him older": {"age": "elderly"},
    "a woman": {"gender": "woman"},
    "with his mouth open": {"mouth_open": True},
    "closed eyes": {"eyes_closed": True},
    "wearing a cap": {"hat": True, "hat_kind": "cap"},
    "looking left": {"gaze_direction": "left"},
}


@pytest.mark.parametrize("text", READ)
def test_an_instruction_states_what_it_asks_for(text: str):
    found = read_instruction(text)
    assert dict(found.values) == READ[text]
    assert (found.rest, found.unread) == ((), ())


def test_words_that_the_grammar_does_not_know_stay_as_they_are():
    found = read_instruction("with a scar, and glasses")
    assert (dict(found.values), found.rest) == ({"eyeglasses": True}, ("with a scar",))
    assert read_instruction("in space").rest == ("in space",)
    assert describe_change(MAN, {}, ("in space",)).after.endswith(" In space.")


@pytest.mark.parametrize("text", ["with glasses", "remove the beard", "smiling", "blond hair", "a woman", "elderly"])
@pytest.mark.parametrize("seed", range(3))
def test_the_descriptions_state_the_change_and_share_the_rest(text: str, seed: int):
    values = read_instruction(text).values
    change = describe_change(MAN, values, seed=seed)
    before, after = (read_text(words) for words in (change.before, change.after))
    assert values.items() <= after.values.items()
    assert not values.items() & before.values.items()
    assert not before.unread
    assert not after.unread
    shared = {n: v for n, v in before.values.items() if n not in values}
    assert shared
    assert shared == {n: v for n, v in after.values.items() if n not in values}
    if "gender" not in values:  # pronouns change with it
        first, second = (words.split(". ") for words in (change.before, change.after))
        assert first[:-1] == second[: len(first) - 1] or first == second[: len(first)]


def test_a_caption_that_contradicts_itself_leaves_the_field_unknown():
    record = known_record("A man with brown hair and round glasses. His hair is black. He is smiling.")
    assert (record["hair_colour"], record["smile"], record["gender"]) == (None, True, "man")
    assert record["glasses_shape"] == "round"
    assert known_record("")["gender"] is None


def test_a_prompt_states_all_the_values():
    values = {"gender": "woman", "age": "young", "hair_colour": "red", "beard": False, "hat": True, "lipstick": True}
    assert values.items() <= read_text(state_values(values)).values.items()
