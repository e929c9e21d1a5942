"""The eyes: color, width, bags beneath them, eyebrows."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import ANY, Phrase

WORDS: Final = {
    "eye_colour": {"brown": ("brown",), "green": ("green",), "blue": ("blue",), "gray": ("gray",)},
}

PHRASES: Final = (
    Phrase(
        {"eye_colour": ANY, "narrow_eyes": True}, weight=1.5,
        noun=("narrow {eye_colour} eyes", "narrow, {eye_colour} eyes"),
        clause=("{their} {eye_colour} eyes are narrow", "{their} eyes are narrow and {eye_colour}", "{their} narrow eyes are {eye_colour} in color"),
    ),
    Phrase(
        {"eye_colour": ANY, "bags_under_eyes": True}, chance=0.4, weight=1.5,
        noun=("{eye_colour} eyes with bags under them",),
        clause=("{their} {eye_colour} eyes have visible bags under them", "there are bags under {their} {eye_colour} eyes"),
    ),
    Phrase(
        {"eye_colour": ANY},
        noun=("{eye_colour} eyes",),
        clause=("{their} eyes are {eye_colour}", "the color of {their} eyes is {eye_colour}", "{their} eyes are {eye_colour} in color"),
        adjective=("{eye_colour}-eyed",),
    ),
    Phrase({"narrow_eyes": True}, noun=("narrow eyes",), clause=("{their} eyes are narrow",)),
    Phrase(
        {"narrow_eyes": False}, {"eyes_closed": (False, None)}, weight=0.12,
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
        clause=("there are no bags under {their} eyes", "the skin under {their} eyes shows no bags"),
    ),
    Phrase(
        {"arched_eyebrows": True, "bushy_eyebrows": True}, chance=0.9, weight=1.5,
        noun=("arched, bushy eyebrows", "bushy eyebrows with an arch"),
        clause=("{their} eyebrows are bushy and arched", "{their} bushy eyebrows are arched"),
    ),
    Phrase(
        {"arched_eyebrows": True},
        noun=("arched eyebrows", "eyebrows that form an arch"),
        clause=("{their} eyebrows are arched", "{their} eyebrows are shaped in an arch", "{their} brows rise in an arch above {their} eyes"),
    ),
    Phrase(
        {"bushy_eyebrows": True},
        noun=("bushy eyebrows", "thick, bushy eyebrows"),
        clause=("{their} eyebrows are bushy", "{their} brows are thick and bushy", "the eyebrows above {their} eyes are bushy"),
    ),
    Phrase(
        {"arched_eyebrows": False, "bushy_eyebrows": False}, chance=0.5, weight=0.3,
        clause=("{their} eyebrows are neither arched nor bushy", "{their} brows are neither bushy nor arched"),
    ),
    Phrase({"arched_eyebrows": False}, weight=0.15, clause=("{their} eyebrows are not arched",)),
    Phrase({"bushy_eyebrows": False}, weight=0.15, clause=("{their} eyebrows are not bushy",)),
)  # fmt: skip
