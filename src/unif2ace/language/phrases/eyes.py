"""The eyes: color, width, bags beneath them, eyebrows."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import ANY, Phrase
from unif2ace.language.grammar import Words
from unif2ace.language.question_forms import Choice, Counted, YesNo

WORDS: Final[Words] = {
    "eye_colour": {"brown": ("brown",), "green": ("green",), "blue": ("blue",), "gray": ("gray",)},
}

PHRASES: Final = (
    Phrase(
        {"eye_colour": ANY, "narrow_eyes": True}, weight=1.5,
        noun=("narrow {eye_colour} eyes", "narrow eyes of a {eye_colour} color"),
        clause=("{their} {eye_colour} eyes are narrow", "{their} eyes are narrow and {eye_colour}", "{their} narrow eyes are {eye_colour} in color", "the color of {their} narrow eyes is {eye_colour}"),
    ),
    Phrase(
        {"eye_colour": ANY, "bags_under_eyes": True}, chance=0.4, weight=1.5,
        noun=("{eye_colour} eyes with bags under them",),
        clause=("{their} {eye_colour} eyes have visible bags under them", "there are bags under {their} {eye_colour} eyes"),
    ),
    Phrase(
        {"eye_colour": ANY},
        noun=("{eye_colour} eyes", "eyes of a {eye_colour} color", "a pair of {eye_colour} eyes"),
        clause=("{their} eyes are {eye_colour}", "the color of {their} eyes is {eye_colour}", "{their} eyes are {eye_colour} in color", "the irises of {their} eyes are {eye_colour}"),
        adjective=("{eye_colour}-eyed",),
    ),
    Phrase({"narrow_eyes": True}, noun=("narrow eyes",), clause=("{their} eyes are narrow",)),
    Phrase(
        {"narrow_eyes": False}, {"eyes_closed": (False, None)}, weight=0.04,
        clause=("{their} eyes are not narrow",),
    ),
    Phrase(
        {"bags_under_eyes": True},
        noun=("bags under {their} eyes", "visible bags under both eyes"),
        clause=("there are bags under {their} eyes", "bags show under {their} eyes", "bags can be seen under both of {their} eyes"),
    ),
    Phrase(
        {"bags_under_eyes": False}, weight=0.2,
        absent=("bags under {their} eyes",),
        clause=("there are no bags under {their} eyes", "the skin under {their} eyes shows no bags", "no bags can be seen beneath {their} eyes"),
    ),
    Phrase(
        {"arched_eyebrows": True, "bushy_eyebrows": True}, chance=0.9, weight=1.5,
        noun=("arched, bushy eyebrows", "bushy eyebrows with an arch"),
        clause=("{their} eyebrows are bushy and arched", "{their} bushy eyebrows are arched"),
    ),
    Phrase(
        {"arched_eyebrows": True},
        noun=("arched eyebrows", "eyebrows that form an arch", "a pair of arched eyebrows"),
        clause=("{their} eyebrows are arched", "{their} eyebrows are shaped in an arch", "{their} brows rise in an arch above {their} eyes"),
    ),
    Phrase(
        {"bushy_eyebrows": True},
        noun=("bushy eyebrows", "thick, bushy eyebrows", "a pair of bushy eyebrows"),
        clause=("{their} eyebrows are bushy", "{their} brows are thick and bushy", "the eyebrows above {their} eyes are bushy"),
    ),
    Phrase(
        {"arched_eyebrows": False, "bushy_eyebrows": False}, chance=0.5, weight=0.12,
        clause=("{their} eyebrows are neither arched nor bushy", "{their} brows are neither bushy nor shaped in an arch"),
    ),
    Phrase({"arched_eyebrows": False}, weight=0.06, clause=("{their} eyebrows are not arched",)),
    Phrase({"bushy_eyebrows": False}, weight=0.06, clause=("{their} eyebrows are not bushy",)),
)

YES_NO: Final = {
    "narrow_eyes": YesNo(
        ask=("{does} {they} have narrow eyes", "are {their} eyes narrow"),
        yes=("{their} eyes are narrow", "{they} {has} narrow eyes"),
        no=("{their} eyes are not narrow", "{they} {doesn't} have narrow eyes"),
    ),
    "bags_under_eyes": YesNo(
        ask=("{does} {they} have bags under the eyes", "are there bags under {their} eyes", "can you see bags under the eyes"),
        yes=("there are bags under {their} eyes", "{they} {has} bags under {their} eyes"),
        no=("there are no bags under {their} eyes", "{they} {doesn't} have bags under {their} eyes"),
    ),
    "arched_eyebrows": YesNo(
        ask=("{does} {they} have arched eyebrows", "are {their} eyebrows arched", "do the eyebrows form an arch"),
        yes=("{their} eyebrows are arched", "{they} {has} arched eyebrows"),
        no=("{their} eyebrows are not arched", "{they} {doesn't} have arched eyebrows"),
    ),
    "bushy_eyebrows": YesNo(
        ask=("{does} {they} have bushy eyebrows", "are {their} eyebrows bushy", "are the eyebrows thick and bushy"),
        yes=("{their} eyebrows are bushy", "{they} {has} bushy eyebrows"),
        no=("{their} eyebrows are not bushy", "{they} {doesn't} have bushy eyebrows"),
    ),
}
CHOICES: Final = {
    "eye_colour": Choice(
        {"brown": "brown", "green": "green", "blue": "blue", "gray": "gray"},
        what=("what color are {their} eyes", "what is {their} eye color", "what eye color {does} {they} have"),
        which=("are {their} eyes {options}", "which is the color of {their} eyes: {options}"),
        answers=("{value}", "{their} eyes are {value}", "{they} {has} {value} eyes"),
    ),
}
COUNTED: Final = {
    "eyes": Counted(
        {
            "narrow eyes": ("narrow_eyes",), "bags under the eyes": ("bags_under_eyes",),
            "arched eyebrows": ("arched_eyebrows",), "bushy eyebrows": ("bushy_eyebrows",),
        },
        some=(
            "how many of these features {does} {they} have: {items}",
            "how many of these can be seen around the eyes: {items}",
        ),
    ),
}
