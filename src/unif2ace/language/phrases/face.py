"""The face: skin, shape, cheeks, chin, nose, lips."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import ANY, Phrase
from unif2ace.language.grammar import Words
from unif2ace.language.question_forms import Choice, Counted, YesNo

WORDS: Final[Words] = {
    "skin_tone": {"pale": ("pale",), "fair": ("fair",), "olive": ("olive",), "brown": ("brown",), "dark": ("dark",)},
    "face_shape": {
        "oval": ("oval",), "round": ("round",), "square": ("square",), "heart": ("heart-shaped",), "long": ("long",),
    },
}

PHRASES: Final = (
    Phrase(
        {"skin_tone": ANY, "freckles": True}, chance=0.4, weight=1.5,
        noun=("{skin_tone}, freckled skin", "{skin_tone} skin with freckles"),
        clause=("{their} {skin_tone} skin is freckled", "{their} {skin_tone} skin is dotted with freckles", "freckles are scattered over {their} {skin_tone} skin"),
        adjective=("freckled, {skin_tone}-skinned",),
    ),
    Phrase(
        {"skin_tone": ANY},
        noun=("{skin_tone} skin", "a {skin_tone} complexion", "skin of a {skin_tone} tone", "a complexion of a {skin_tone} tone"),
        clause=("{their} skin is {skin_tone}", "{their} complexion is {skin_tone}", "the tone of {their} skin is {skin_tone}", "{their} skin is {skin_tone} in tone", "{their} face has a {skin_tone} complexion", "the skin of {their} face is {skin_tone}"),
        adjective=("{skin_tone}-skinned",),
    ),
    Phrase(
        {"face_shape": ANY, "high_cheekbones": True}, chance=0.3, weight=1.5,
        noun=("a {face_shape} face with high cheekbones",),
        clause=("{their} face is {face_shape}, with high cheekbones", "{their} {face_shape} face is marked by high cheekbones"),
    ),
    Phrase(
        {"face_shape": ANY, "double_chin": True}, chance=0.3, weight=1.5,
        noun=("a {face_shape} face with a double chin",),
        clause=("{their} face is {face_shape}, with a double chin",),
    ),
    *(
        Phrase(
            {"face_shape": shape},
            noun=("a {face_shape} face", "a face that is {face_shape} in outline", "a face with a {face_shape} outline"),
            clause=(
                "{their} face is {face_shape}", "{their} face has a {face_shape} outline",
                "the outline of {their} face is {face_shape}",
            ),
            adjective=adjective,
        )
        for shape, adjective in (
            ("oval", ("oval-faced",)), ("round", ("round-faced",)), ("square", ("square-faced",)),
            ("long", ("long-faced",)), ("heart", ()),
        )
    ),
    Phrase(
        {"freckles": True}, weight=1.2,
        noun=("freckles", "freckles on {their} cheeks", "freckles scattered over {their} skin", "a sprinkling of freckles on {their} face"),
        clause=("freckles dot {their} cheeks", "{their} cheeks are freckled", "freckles are scattered over {their} skin", "a sprinkling of freckles covers {their} cheeks"),
        adjective=("freckled",),
    ),
    Phrase(
        {"freckles": False}, weight=0.2,
        absent=("freckles",),
        clause=("{their} skin is free of freckles", "{their} skin shows no freckles"),
    ),
    Phrase(
        {"rosy_cheeks": True}, weight=1.2,
        noun=("rosy cheeks", "a rosy flush on {their} cheeks", "cheeks with a rosy tint"),
        clause=("{their} cheeks are rosy", "a rosy flush colors {their} cheeks", "there is a rosy flush on both of {their} cheeks"),
        adjective=("rosy-cheeked",),
    ),
    Phrase({"rosy_cheeks": False}, weight=0.04, clause=("{their} cheeks are not rosy",)),
    Phrase(
        {"high_cheekbones": True},
        noun=("high cheekbones", "prominent cheekbones", "high and prominent cheekbones"),
        clause=("{their} cheekbones are high", "high cheekbones stand out in {their} face", "{their} cheekbones are high and prominent", "{their} cheekbones sit high in {their} face"),
    ),
    Phrase(
        {"high_cheekbones": False}, weight=0.04,
        clause=("{their} cheekbones are not high", "{their} cheekbones are not prominent"),
    ),
    Phrase(
        {"double_chin": True},
        noun=("a double chin", "a double chin below {their} jaw"),
        clause=("a double chin shows beneath {their} jaw", "there is a double chin below {their} jaw"),
    ),
    Phrase({"double_chin": False}, weight=0.04, absent=("a double chin",), clause=("no double chin can be seen",)),
    Phrase(
        {"big_nose": True},
        noun=("a big nose", "a large nose"),
        clause=("{their} nose is big", "{their} nose is large", "there is a large nose in the middle of {their} face"),
        adjective=("big-nosed",),
    ),
    Phrase({"big_nose": False}, weight=0.04, clause=("{their} nose is not big",)),
    Phrase(
        {"full_lips": True},
        noun=("full lips", "a mouth with full lips"),
        clause=("{their} lips are full", "{their} mouth has full lips", "the lips of {their} mouth are full"),
        adjective=("full-lipped",),
    ),
    Phrase({"full_lips": False}, weight=0.04, clause=("{their} lips are not full",)),
    Phrase({"oval_face": False}, weight=0.1, clause=("{their} face is not oval",)),
    Phrase({"pale_skin": False}, weight=0.1, clause=("{their} skin is not pale",)),
)

YES_NO: Final = {
    "pale_skin": YesNo(
        ask=("is {their} skin pale", "{does} {they} have pale skin", "{does} {they} have a pale complexion"),
        yes=("{their} skin is pale", "{they} {has} pale skin"),
        no=("{their} skin is not pale", "{they} {doesn't} have pale skin"),
        instead=("{their} skin is {skin_tone}",),
    ),
    "oval_face": YesNo(
        ask=("is {their} face oval", "{does} {they} have an oval face", "is the shape of the face oval"),
        yes=("{their} face is oval", "{they} {has} an oval face"),
        no=("{their} face is not oval", "{they} {doesn't} have an oval face"),
        instead=("{their} face is {face_shape}",),
    ),
    "freckles": YesNo(
        ask=("{does} {they} have freckles", "are there freckles on the face", "{is} {they} freckled"),
        yes=("{they} {has} freckles", "there are freckles on {their} face"),
        no=("{they} {doesn't} have freckles", "there are no freckles on {their} face"),
    ),
    "rosy_cheeks": YesNo(
        ask=("{does} {they} have rosy cheeks", "are {their} cheeks rosy", "are the cheeks flushed with a rosy color"),
        yes=("{their} cheeks are rosy", "{they} {has} rosy cheeks"),
        no=("{their} cheeks are not rosy", "{they} {doesn't} have rosy cheeks"),
    ),
    "high_cheekbones": YesNo(
        ask=("{does} {they} have high cheekbones", "are {their} cheekbones high", "are the cheekbones prominent"),
        yes=("{their} cheekbones are high", "{they} {has} high cheekbones"),
        no=("{their} cheekbones are not high", "{they} {doesn't} have high cheekbones"),
    ),
    "double_chin": YesNo(
        ask=("{does} {they} have a double chin", "is there a double chin", "can a double chin be seen"),
        yes=("{they} {has} a double chin", "there is a double chin"),
        no=("{they} {doesn't} have a double chin", "there is no double chin"),
    ),
    "big_nose": YesNo(
        ask=("{does} {they} have a big nose", "is {their} nose big", "is the nose large"),
        yes=("{their} nose is big", "{they} {has} a big nose"),
        no=("{their} nose is not big", "{they} {doesn't} have a big nose"),
    ),
    "full_lips": YesNo(
        ask=("{does} {they} have full lips", "are {their} lips full"),
        yes=("{their} lips are full", "{they} {has} full lips"),
        no=("{their} lips are not full", "{they} {doesn't} have full lips"),
    ),
}
CHOICES: Final = {
    "skin_tone": Choice(
        {"pale": "pale", "fair": "fair", "olive": "olive", "brown": "brown", "dark": "dark"},
        what=("what is {their} skin tone", "what tone does {their} skin have", "how would you describe {their} complexion"),
        which=("is {their} skin {options}", "which is {their} complexion: {options}"),
        answers=("{their} skin is {value}", "{value}", "{they} {has} {value} skin"),
    ),
    "face_shape": Choice(
        {"oval": "oval", "round": "round", "square": "square", "heart": "heart-shaped", "long": "long"},
        what=("what is the shape of {their} face", "what face shape {does} {they} have", "what shape is the face"),
        which=("is {their} face {options}", "which is the shape of the face: {options}"),
        answers=("{their} face is {value}", "{value}", "{they} {has} a {value} face"),
    ),
}
COUNTED: Final = {
    "face": Counted(
        {
            "high cheekbones": ("high_cheekbones",), "a double chin": ("double_chin",),
            "a big nose": ("big_nose",), "full lips": ("full_lips",),
            "freckles": ("freckles",), "rosy cheeks": ("rosy_cheeks",),
        },
        some=(
            "how many of these features {does} {they} have: {items}",
            "how many of these can be seen in the face: {items}",
        ),
    ),
}
