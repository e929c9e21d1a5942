"""Makeup and lipstick. "No makeup" is never stated, because the label means heavy makeup only."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import ANY, Phrase
from unif2ace.language.grammar import Words
from unif2ace.language.question_forms import Choice, YesNo

WORDS: Final[Words] = {
    "lipstick_colour": {"red": ("red",), "pink": ("pink",), "plum": ("plum", "plum-colored")},
}

PHRASES: Final = (
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
    Phrase(
        {"heavy_makeup": False}, {"gender": ("woman", None)}, weight=0.2,
        absent=("heavy makeup",), clause=("there is no heavy makeup on {their} face",),
    ),
    Phrase(
        {"lipstick": True, "lipstick_colour": ANY}, weight=1.3,
        worn=("{lipstick_colour} lipstick", "{lipstick_colour} lipstick on {their} lips"),
        clause=("{lipstick_colour} lipstick colors {their} lips", "{their} lipstick is {lipstick_colour}", "{their} lips are painted with {lipstick_colour} lipstick"),
    ),
    Phrase({"lipstick": True}, weight=1.3, worn=("lipstick", "lipstick on {their} lips"), clause=("there is lipstick on {their} lips", "{their} lips are painted with lipstick")),
    Phrase({"lipstick": False}, {"gender": ("woman", None)}, weight=0.25, absent=("lipstick",), clause=("there is no lipstick on {their} lips",)),
)

YES_NO: Final = {
    "heavy_makeup": YesNo(
        ask=("{is} {they} wearing heavy makeup", "{does} {they} wear heavy makeup", "{does} {they} have heavy makeup on"),
        yes=("{they} {is} wearing heavy makeup", "{they} {wears} heavy makeup"),
        no=("{they} {isn't} wearing heavy makeup", "{they} {doesn't} wear heavy makeup"),
    ),
    "lipstick": YesNo(
        ask=("{is} {they} wearing lipstick", "{does} {they} wear lipstick", "{does} {they} have lipstick on"),
        yes=("{they} {is} wearing lipstick", "{they} {wears} lipstick"),
        no=("{they} {isn't} wearing lipstick", "{they} {doesn't} wear lipstick"),
    ),
}
CHOICES: Final = {
    "lipstick_colour": Choice(
        {"red": "red", "pink": "pink", "plum": "plum"},
        what=("what color is {their} lipstick", "what is the color of {their} lipstick"),
        which=("is {their} lipstick {options}", "which is the color of {their} lipstick: {options}"),
        answers=("{their} lipstick is {value}", "{value}", "it is {value}"),
    ),
}
