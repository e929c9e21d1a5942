"""Glasses, hats, masks, jewelry and clothes."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import ANY, Phrase
from unif2ace.language.grammar import Words
from unif2ace.language.question_forms import Choice, Counted, Reason, YesNo

WORDS: Final[Words] = {
    "glasses_shape": {"round": ("round",), "rectangular": ("rectangular",)},
    "hat_kind": {"beanie": ("beanie",), "cap": ("cap",), "wide-brimmed hat": ("wide-brimmed hat",)},
    "earring_kind": {"studs": ("stud",), "hoops": ("hoop",)},
    "clothing": {
        "crew-neck top": ("crew-neck top", "top with a crew neck"), "v-neck top": ("V-neck top", "top with a V-shaped neckline"),
        "collared shirt": ("collared shirt", "shirt with a collar"), "suit jacket": ("suit jacket",),
    },
    "clothing_colour": {
        c: (c,) for c in ("red", "blue", "green", "black", "white", "yellow", "purple", "gray")
    },
}

PHRASES: Final = (
    Phrase(
        {"eyeglasses": True, "glasses_shape": ANY}, weight=2.5,
        worn=(
            "{glasses_shape} glasses", "{glasses_shape} eyeglasses", "a pair of {glasses_shape} glasses",
            "glasses with {glasses_shape} lenses", "eyeglasses with {glasses_shape} frames",
            "a pair of {glasses_shape} glasses on the bridge of {their} nose",
        ),
        clause=("{their} glasses are {glasses_shape}", "{glasses_shape} glasses sit on {their} nose", "a pair of {glasses_shape} glasses rests on the bridge of {their} nose"),
    ),
    Phrase(
        {"eyeglasses": True}, weight=2.5,
        worn=("glasses", "eyeglasses", "a pair of glasses"),
        clause=("glasses sit on {their} nose", "a pair of glasses rests on the bridge of {their} nose"),
        adjective=("bespectacled",),
    ),
    Phrase(
        {"sunglasses": True}, weight=2.5,
        worn=("sunglasses", "dark sunglasses", "a pair of sunglasses"),
        clause=("sunglasses hide {their} eyes", "{their} eyes are hidden behind a pair of dark sunglasses"),
    ),
    Phrase(
        {"eyeglasses": False, "sunglasses": False}, weight=0.35,
        absent=("glasses",), clause=("no glasses sit on {their} nose", "there are no glasses on {their} nose"),
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
        {"hat": False}, weight=0.35, absent=("a hat",),
        state=("bareheaded",), clause=("there is no hat on {their} head", "{their} head is not covered by a hat"),
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
        clause=("{earring_kind} earrings adorn {their} ears", "{earring_kind} earrings can be seen at {their} ears", "{their} ears are adorned with {earring_kind} earrings"),
    ),
    Phrase(
        {"earrings": True}, weight=1.8,
        worn=("earrings", "a pair of earrings"),
        clause=("earrings adorn {their} ears", "earrings can be seen at {their} ears"),
    ),
    Phrase({"earrings": False}, weight=0.3, absent=("earrings",), clause=("there are no earrings in {their} ears",)),
    Phrase(
        {"necklace": True}, weight=1.8,
        worn=("a necklace", "a necklace around {their} neck", "a necklace that hangs around {their} neck"),
        clause=("a necklace hangs around {their} neck", "there is a necklace around {their} neck"),
    ),
    Phrase({"necklace": False}, weight=0.3, absent=("a necklace",), clause=("there is no necklace around {their} neck",)),
    Phrase({"necktie": True}, weight=1.8, worn=("a necktie", "a tie", "a necktie around {their} neck"), clause=("a necktie is tied around {their} neck",)),
    Phrase({"necktie": False}, {"clothing": ("collared shirt", "suit jacket", None)}, weight=0.25, absent=("a necktie",)),
    Phrase(
        {"clothing": ANY, "clothing_colour": ANY}, weight=2,
        worn=("a {clothing_colour} {clothing}",),
        doing=("dressed in a {clothing_colour} {clothing}",),
        clause=("{their} {clothing} is {clothing_colour}", "{their} outfit includes a {clothing_colour} {clothing}", "the color of {their} {clothing} is {clothing_colour}"),
    ),
    Phrase({"clothing": ANY}, weight=1.5, worn=("a {clothing}",), doing=("dressed in a {clothing}",), clause=("{their} outfit includes a {clothing}",)),
    Phrase(
        {"clothing_colour": ANY}, weight=1.5,
        worn=("{clothing_colour} clothes",), doing=("dressed in {clothing_colour}",),
        clause=("{their} clothes are {clothing_colour}",),
    ),
)

YES_NO: Final = {
    "eyeglasses": YesNo(
        ask=("{is} {they} wearing eyeglasses", "{does} {they} wear eyeglasses", "{does} {they} have eyeglasses on"),
        yes=("{they} {is} wearing eyeglasses", "{they} {wears} eyeglasses"),
        no=("{they} {isn't} wearing eyeglasses", "{they} {doesn't} wear eyeglasses"),
    ),
    "sunglasses": YesNo(
        ask=("{is} {they} wearing sunglasses", "{does} {they} wear sunglasses", "{does} {they} have sunglasses on"),
        yes=("{they} {is} wearing sunglasses", "{they} {wears} sunglasses"),
        no=("{they} {isn't} wearing sunglasses", "{they} {doesn't} wear sunglasses"),
    ),
    "hat": YesNo(
        ask=("{is} {they} wearing a hat", "{does} {they} wear a hat", "{does} {they} have a hat on"),
        yes=("{they} {is} wearing a hat", "{they} {wears} a hat"),
        no=("{they} {isn't} wearing a hat", "{they} {doesn't} wear a hat"),
    ),
    "mask": YesNo(
        ask=("{is} {they} wearing a face mask", "{does} {they} wear a face mask", "{does} {they} have a face mask on"),
        yes=("{they} {is} wearing a face mask", "{they} {wears} a face mask"),
        no=("{they} {isn't} wearing a face mask", "{they} {doesn't} wear a face mask"),
        neutral=False,
    ),
    "earrings": YesNo(
        ask=("{is} {they} wearing earrings", "{does} {they} wear earrings", "{does} {they} have earrings on"),
        yes=("{they} {is} wearing earrings", "{they} {wears} earrings"),
        no=("{they} {isn't} wearing earrings", "{they} {doesn't} wear earrings"),
    ),
    "necklace": YesNo(
        ask=("{is} {they} wearing a necklace", "{does} {they} wear a necklace", "{does} {they} have a necklace on"),
        yes=("{they} {is} wearing a necklace", "{they} {wears} a necklace"),
        no=("{they} {isn't} wearing a necklace", "{they} {doesn't} wear a necklace"),
    ),
    "necktie": YesNo(
        ask=("{is} {they} wearing a necktie", "{does} {they} wear a necktie", "{does} {they} have a necktie on"),
        yes=("{they} {is} wearing a necktie", "{they} {wears} a necktie"),
        no=("{they} {isn't} wearing a necktie", "{they} {doesn't} wear a necktie"),
    ),
}
CHOICES: Final = {
    "glasses_shape": Choice(
        {"round": "round", "rectangular": "rectangular"},
        what=("what shape are {their} glasses", "what is the shape of the glasses"),
        which=("are {their} glasses {options}", "{does} {they} wear {options} glasses"),
        answers=("{their} glasses are {value}", "{value}", "{they} {wears} {value} glasses"),
    ),
    "hat_kind": Choice(
        {"beanie": "a beanie", "cap": "a cap", "wide-brimmed hat": "a wide-brimmed hat"},
        what=("what kind of hat {is} {they} wearing", "what is on {their} head", "what {does} {they} wear on the head"),
        which=("{is} {they} wearing {options}", "which is on {their} head: {options}"),
        answers=("{value}", "{they} {is} wearing {value}", "it is {value}"),
    ),
    "earring_kind": Choice(
        {"studs": "studs", "hoops": "hoops"},
        what=("what kind of earrings {is} {they} wearing", "what kind of earrings can be seen"),
        which=("are {their} earrings {options}", "which are the earrings: {options}"),
        answers=("{their} earrings are {value}", "{value}", "they are {value}"),
    ),
    "clothing": Choice(
        {
            "crew-neck top": "a crew-neck top", "v-neck top": "a V-neck top",
            "collared shirt": "a collared shirt", "suit jacket": "a suit jacket",
        },
        what=("what kind of clothing {is} {they} wearing", "what {is} {they} dressed in", "what {does} {they} wear on the upper body"),
        which=("{is} {they} wearing {options}", "which {does} {they} wear: {options}"),
        answers=("{value}", "{they} {is} wearing {value}", "{they} {is} dressed in {value}"),
    ),
    "clothing_colour": Choice(
        {c: c for c in ("red", "blue", "green", "black", "white", "yellow", "purple", "gray")},
        what=("what color are {their} clothes", "what color {is} {they} dressed in", "what is the color of {their} clothing"),
        which=("are {their} clothes {options}", "which is the color of the clothes: {options}"),
        answers=("{value}", "{their} clothes are {value}", "{they} {is} dressed in {value}"),
    ),
}
COUNTED: Final = {
    "accessories": Counted(
        {
            "a hat": ("hat",), "glasses": ("eyeglasses", "sunglasses"), "earrings": ("earrings",),
            "a necklace": ("necklace",), "a necktie": ("necktie",), "a face mask": ("mask",),
        },
        some=("how many of these {is} {they} wearing: {items}", "how many of these {does} {they} wear: {items}"),
        every=("how many accessories {is} {they} wearing", "how many accessories can be seen on {them}"),
    ),
}
REASONS: Final = (
    Reason(
        "sunglasses", {"sunglasses": True, "eye_colour": None, "eyes_closed": None, "narrow_eyes": None, "gaze_direction": None},
        ask=("why can the color of {their} eyes not be seen", "why is {their} eye color hidden"),
        answers=("because {evidence}", "it is hidden because {evidence}"),
        evidence=((("sunglasses", True), "{they} {is} wearing sunglasses"),),
    ),
    Reason(
        "mask", {"mask": True, "mouth_open": None, "smile": None, "laugh": None, "full_lips": None, "lipstick": None},
        ask=("why can {their} mouth not be seen", "why is {their} mouth hidden"),
        answers=("because {evidence}", "it is hidden because {evidence}"),
        evidence=((("mask", True), "a mask covers it"),),
    ),
)
