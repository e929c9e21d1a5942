"""The face: skin, shape, cheeks, chin, nose, lips."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import ANY, Phrase

WORDS: Final = {
    "skin_tone": {"pale": ("pale",), "fair": ("fair",), "olive": ("olive",), "brown": ("brown",), "dark": ("dark",)},
    "face_shape": {
        "oval": ("oval",), "round": ("round",), "square": ("square",), "heart": ("heart-shaped",), "long": ("long",),
    },
}  # fmt: skip

PHRASES: Final = (
    Phrase(
        {"skin_tone": ANY, "freckles": True}, chance=0.6, weight=1.5,
        noun=("{skin_tone}, freckled skin", "{skin_tone} skin with freckles"),
        clause=("{their} {skin_tone} skin is freckled", "{their} {skin_tone} skin is dotted with freckles", "freckles are scattered over {their} {skin_tone} skin"),
        adjective=("freckled, {skin_tone}-skinned",),
    ),
    Phrase(
        {"skin_tone": ANY},
        noun=("{skin_tone} skin", "a {skin_tone} complexion", "skin of a {skin_tone} tone"),
        clause=("{their} skin is {skin_tone}", "{their} complexion is {skin_tone}", "the tone of {their} skin is {skin_tone}", "{their} skin is {skin_tone} in tone"),
        adjective=("{skin_tone}-skinned",),
    ),
    Phrase(
        {"face_shape": ANY, "high_cheekbones": True}, chance=0.5, weight=1.5,
        noun=("a {face_shape} face with high cheekbones",),
        clause=("{their} face is {face_shape}, with high cheekbones", "{their} {face_shape} face is marked by high cheekbones"),
    ),
    Phrase(
        {"face_shape": ANY, "double_chin": True}, chance=0.4, weight=1.5,
        noun=("a {face_shape} face with a double chin",),
        clause=("{their} face is {face_shape}, with a double chin",),
    ),
    Phrase(
        {"face_shape": ANY},
        noun=("a {face_shape} face", "a face that is {face_shape} in shape"),
        clause=("{their} face is {face_shape}", "the shape of {their} face is {face_shape}", "{their} face is {face_shape} in shape", "the outline of {their} face is {face_shape}"),
        adjective=("{face_shape}-faced",),
    ),
    Phrase(
        {"freckles": True}, weight=1.2,
        noun=("freckles", "freckles on {their} cheeks", "freckles scattered over {their} skin"),
        clause=("freckles dot {their} cheeks", "{their} cheeks are freckled", "freckles are scattered over {their} skin"),
        adjective=("freckled",),
    ),
    Phrase(
        {"freckles": False}, weight=0.2,
        absent=("freckles",),
        clause=("{their} skin is free of freckles", "{their} skin shows no freckles"),
    ),
    Phrase(
        {"rosy_cheeks": True}, weight=1.2,
        noun=("rosy cheeks", "a rosy flush on {their} cheeks"),
        clause=("{their} cheeks are rosy", "a rosy flush colors {their} cheeks", "there is a rosy flush on both of {their} cheeks"),
        adjective=("rosy-cheeked",),
    ),
    Phrase({"rosy_cheeks": False}, weight=0.15, clause=("{their} cheeks are not rosy",)),
    Phrase(
        {"high_cheekbones": True},
        noun=("high cheekbones", "prominent cheekbones", "cheekbones that sit high in {their} face"),
        clause=("{their} cheekbones are high", "{their} cheekbones are high and prominent", "{their} cheekbones sit high in {their} face"),
    ),
    Phrase(
        {"high_cheekbones": False}, weight=0.15,
        clause=("{their} cheekbones are not high", "{their} cheekbones are not prominent"),
    ),
    Phrase(
        {"double_chin": True},
        noun=("a double chin", "a double chin below {their} jaw"),
        clause=("a double chin shows beneath {their} jaw", "there is a double chin below {their} jaw"),
    ),
    Phrase({"double_chin": False}, weight=0.15, absent=("a double chin",), clause=("no double chin can be seen",)),
    Phrase(
        {"big_nose": True},
        noun=("a big nose", "a large nose"),
        clause=("{their} nose is big", "{their} nose is large"),
        adjective=("big-nosed",),
    ),
    Phrase({"big_nose": False}, weight=0.12, clause=("{their} nose is not big",)),
    Phrase(
        {"full_lips": True},
        noun=("full lips",),
        clause=("{their} lips are full", "{their} mouth has full lips"),
        adjective=("full-lipped",),
    ),
    Phrase({"full_lips": False}, weight=0.12, clause=("{their} lips are not full",)),
    Phrase({"oval_face": False}, weight=0.1, clause=("{their} face is not oval",)),
    Phrase({"pale_skin": False}, weight=0.1, clause=("{their} skin is not pale",)),
)  # fmt: skip
