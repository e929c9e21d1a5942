"""What is worn: glasses, hats, masks, jewelry, makeup and clothes."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import ANY, Phrase

WORDS: Final = {
    "glasses_shape": {"round": ("round",), "rectangular": ("rectangular",)},
    "hat_kind": {"beanie": ("beanie",), "cap": ("cap",), "wide-brimmed hat": ("wide-brimmed hat",)},
    "earring_kind": {"studs": ("stud",), "hoops": ("hoop",)},
    "lipstick_colour": {"red": ("red",), "pink": ("pink",), "plum": ("plum", "plum-colored")},
    "clothing": {
        "crew-neck top": ("crew-neck top",), "v-neck top": ("V-neck top",),
        "collared shirt": ("collared shirt", "shirt with a collar"), "suit jacket": ("suit jacket",),
    },
    "clothing_colour": {
        c: (c,) for c in ("red", "blue", "green", "black", "white", "yellow", "purple", "gray")
    },
}  # fmt: skip

PHRASES: Final = (
    Phrase(
        {"eyeglasses": True, "glasses_shape": ANY}, weight=2.5,
        worn=(
            "{glasses_shape} glasses", "{glasses_shape} eyeglasses", "a pair of {glasses_shape} glasses",
            "glasses with {glasses_shape} lenses", "eyeglasses with {glasses_shape} frames",
        ),
        clause=("{their} glasses are {glasses_shape}", "{glasses_shape} glasses sit on {their} nose", "a pair of {glasses_shape} glasses rests on {their} nose"),
    ),
    Phrase(
        {"eyeglasses": True}, weight=2.5,
        worn=("glasses", "eyeglasses", "a pair of glasses"),
        clause=("glasses sit on {their} nose", "a pair of glasses rests on {their} nose"),
        adjective=("bespectacled",),
    ),
    Phrase(
        {"sunglasses": True}, weight=2.5,
        worn=("sunglasses", "dark sunglasses", "a pair of sunglasses"),
        clause=("sunglasses hide {their} eyes", "{their} eyes are hidden behind a pair of dark sunglasses"),
    ),
    Phrase(
        {"eyeglasses": False, "sunglasses": False}, weight=0.5,
        absent=("glasses", "glasses of any kind"), clause=("no glasses sit on {their} nose", "there are no glasses on {their} nose"),
    ),
    Phrase({"eyeglasses": False}, {"sunglasses": (None,)}, weight=0.4, absent=("eyeglasses",)),
    Phrase({"sunglasses": False}, {"eyeglasses": (None,)}, weight=0.2, absent=("sunglasses",)),
    Phrase(
        {"hat": True, "hat_kind": ANY}, weight=2.5,
        worn=("a {hat_kind}", "a {hat_kind} on {their} head"),
        clause=("a {hat_kind} sits on {their} head", "{their} head is covered by a {hat_kind}"),
    ),
    Phrase(
        {"hat": True}, weight=2.5,
        worn=("a hat", "a hat on {their} head"),
        clause=("a hat sits on {their} head", "{their} head is covered by a hat"),
    ),
    Phrase(
        {"hat": False}, weight=0.35, absent=("a hat", "a hat on {their} head"),
        state=("bareheaded",), clause=("there is no hat on {their} head",),
    ),
    Phrase(
        {"mask": True}, weight=2.5,
        worn=("a face mask", "a mask over {their} nose and mouth"),
        clause=("a mask covers {their} nose and mouth", "a face mask hides {their} mouth"),
    ),
    Phrase({"mask": False}, weight=0.15, absent=("a mask",), clause=("no mask covers {their} face",)),
    Phrase(
        {"earrings": True, "earring_kind": ANY}, weight=1.8,
        worn=("{earring_kind} earrings", "a pair of {earring_kind} earrings", "{earring_kind} earrings in {their} ears"),
        clause=("{earring_kind} earrings adorn {their} ears", "{earring_kind} earrings can be seen at {their} ears"),
    ),
    Phrase(
        {"earrings": True}, weight=1.8,
        worn=("earrings", "a pair of earrings"),
        clause=("earrings adorn {their} ears", "earrings can be seen at {their} ears"),
    ),
    Phrase({"earrings": False}, weight=0.3, absent=("earrings", "earrings in {their} ears"), clause=("there are no earrings in {their} ears",)),
    Phrase(
        {"necklace": True}, weight=1.8,
        worn=("a necklace", "a necklace around {their} neck"),
        clause=("a necklace hangs around {their} neck", "there is a necklace around {their} neck"),
    ),
    Phrase({"necklace": False}, weight=0.3, absent=("a necklace", "a necklace around {their} neck")),
    Phrase({"necktie": True}, weight=1.8, worn=("a necktie", "a tie", "a necktie around {their} neck"), clause=("a necktie is tied around {their} neck",)),
    Phrase({"necktie": False}, {"clothing": ("collared shirt", "suit jacket", None)}, weight=0.25, absent=("a necktie",)),
    Phrase(
        {"heavy_makeup": True, "lipstick": True, "lipstick_colour": ANY}, chance=0.4, weight=1.8,
        worn=("heavy makeup and {lipstick_colour} lipstick", "heavy makeup with {lipstick_colour} lipstick"),
        clause=("{their} heavy makeup includes {lipstick_colour} lipstick",),
    ),
    Phrase(
        {"heavy_makeup": True}, weight=1.3,
        worn=("heavy makeup",),
        clause=("{their} makeup is heavy", "{their} face is heavily made up", "there is heavy makeup on {their} face"),
    ),
    Phrase({"heavy_makeup": False}, {"gender": ("woman", None)}, weight=0.2, absent=("heavy makeup",)),
    Phrase(
        {"lipstick": True, "lipstick_colour": ANY}, weight=1.3,
        worn=("{lipstick_colour} lipstick", "{lipstick_colour} lipstick on {their} lips"),
        clause=("{lipstick_colour} lipstick colors {their} lips", "{their} lipstick is {lipstick_colour}", "{their} lips are painted with {lipstick_colour} lipstick"),
    ),
    Phrase({"lipstick": True}, weight=1.3, worn=("lipstick", "lipstick on {their} lips"), clause=("there is lipstick on {their} lips",)),
    Phrase({"lipstick": False}, {"gender": ("woman", None)}, weight=0.25, absent=("lipstick",)),
    Phrase(
        {"clothing": ANY, "clothing_colour": ANY}, weight=2,
        worn=("a {clothing_colour} {clothing}",),
        doing=("dressed in a {clothing_colour} {clothing}",),
        clause=("{their} {clothing} is {clothing_colour}", "the color of {their} {clothing} is {clothing_colour}"),
    ),
    Phrase({"clothing": ANY}, weight=1.5, worn=("a {clothing}",), doing=("dressed in a {clothing}",)),
    Phrase(
        {"clothing_colour": ANY}, weight=1.5,
        worn=("{clothing_colour} clothes",), doing=("dressed in {clothing_colour}",),
        clause=("{their} clothes are {clothing_colour}",),
    ),
)  # fmt: skip
