"""Gaze direction, and turn and tilt of the head. Left and right are from the viewer's side."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import Phrase
from unif2ace.language.question_forms import Choice, YesNo

_OPEN_EYES: Final = {"eyes_closed": (False, None)}


def _side(side: str) -> tuple[Phrase, ...]:
    """Gaze, turn and tilt to one side."""
    return (
        Phrase(
            {"head_turn": side, "gaze_direction": side},
            _OPEN_EYES,
            chance=0.6,
            weight=1.8,
            does=(f"{{turns}} and {{looks}} to the {side}", f"{{faces}} the {side} and {{looks}} that way"),
            doing=(f"turning and looking to the {side}",),
            clause=(f"both {{their}} head and {{their}} gaze are turned to the {side}",),
        ),
        Phrase(
            {"head_turn": side, "head_tilt": side},
            chance=0.6,
            weight=1.5,
            does=(f"{{turns}} and {{tilts}} {{their}} head to the {side}",),
            doing=(f"turning and tilting {{their}} head to the {side}",),
            noun=(f"{{their}} head turned and tilted to the {side}",),
            clause=(f"{{their}} head is turned and tilted to the {side}",),
        ),
        Phrase(
            {"gaze_direction": side},
            _OPEN_EYES,
            weight=1.5,
            does=(f"{{looks}} to the {side}", f"{{gazes}} to the {side}", f"{{glances}} off to the {side}"),
            doing=(f"looking to the {side}", f"gazing to the {side}"),
            noun=(f"{{their}} gaze directed to the {side}", f"{{their}} eyes turned to the {side}"),
            clause=(
                f"{{their}} gaze is directed to the {side}",
                f"{{their}} eyes are turned to the {side}",
                f"{{their}} eyes look off toward the {side} side of the picture",
            ),
        ),
        Phrase(
            {"head_turn": side},
            does=(f"{{turns}} {{their}} head to the {side}", f"{{faces}} slightly to the {side}"),
            doing=(f"turning {{their}} head to the {side}", f"turned slightly to the {side}"),
            noun=(f"{{their}} head turned to the {side}",),
            clause=(
                f"{{their}} head is turned to the {side}",
                f"{{their}} face points to the {side}",
                f"{{their}} head is turned toward the {side} side of the picture",
                f"{{their}} face is seen at an angle, as it turns to the {side}",
            ),
        ),
        Phrase(
            {"head_tilt": side},
            does=(f"{{tilts}} {{their}} head to the {side}", f"{{leans}} {{their}} head to the {side}"),
            doing=(f"tilting {{their}} head to the {side}",),
            noun=(f"{{their}} head tilted to the {side}",),
            clause=(
                f"{{their}} head is tilted to the {side}",
                f"{{their}} head leans to the {side}",
                f"{{their}} head leans over toward the {side} side",
                f"the top of {{their}} head leans over to the {side}",
            ),
        ),
    )


PHRASES: Final = (
    Phrase(
        {"head_turn": "front", "gaze_direction": "camera"}, _OPEN_EYES, chance=0.35, weight=1.5,
        does=("{faces} forward and {looks} into the camera", "{faces} the camera and {looks} straight at it"),
        doing=("facing forward and looking into the camera",),
        clause=("both {their} face and {their} gaze are directed at the camera",),
    ),
    Phrase(
        {"head_turn": "front", "head_tilt": "upright"}, chance=0.3, weight=0.8,
        does=("{holds} {their} head upright and {faces} forward", "{faces} forward with {their} head upright"),
        clause=("{their} head is upright and faces forward",),
    ),
    *_side("left"),
    *_side("right"),
    Phrase(
        {"gaze_direction": "camera"}, _OPEN_EYES, weight=1.5,
        does=(
            "{looks} at the camera", "{looks} straight at the camera", "{looks} into the camera",
            "{looks} directly at the viewer", "{meets} the viewer's gaze", "{looks} straight into the lens of the camera",
        ),
        doing=("looking at the camera", "looking straight at the viewer", "looking into the camera"),
        noun=("{their} eyes on the camera", "{their} gaze directed at the camera"),
        clause=("{their} gaze is directed at the camera", "{their} eyes look straight into the camera", "{their} gaze goes straight into the lens of the camera",
            "{their} eyes are fixed on the camera in front of {them}"),
    ),
    *(
        Phrase(
            {"gaze_direction": way}, _OPEN_EYES, weight=1.5,
            does=(f"{{looks}} {way}", f"{{gazes}} {way}ward"), doing=(f"looking {way}", f"gazing {way}ward"),
            noun=(f"{{their}} eyes turned {way}ward",),
            clause=(f"{{their}} gaze is directed {way}ward", f"{{their}} eyes are turned {way}ward"),
        )
        for way in ("up", "down")
    ),
    Phrase({"gaze": False}, weight=0.3, does=("{does} not look at the camera",), clause=("{their} eyes are not on the camera",)),
    Phrase(
        {"head_turn": "front"}, weight=0.7,
        does=("{faces} forward", "{faces} straight ahead"), doing=("facing forward", "facing straight ahead"),
        noun=("{their} head facing forward",),
        clause=(
            "{their} face points straight ahead", "{their} head faces forward",
            "{their} head is turned neither to the left nor to the right", "{their} face is seen straight from the front",
        ),
    ),
    Phrase(
        {"head_tilt": "upright"}, weight=0.5,
        does=("{holds} {their} head upright",), doing=("holding {their} head upright",),
        noun=("{their} head upright", "{their} head held upright"), clause=("{their} head is upright", "{their} head is held upright, without a tilt", "{their} head does not tilt to either side"),
    ),
)

YES_NO: Final = {
    "gaze": YesNo(
        ask=("{is} {they} looking at the camera", "{does} {they} look at the viewer", "is {their} gaze directed at the camera"),
        yes=("{they} {is} looking at the camera", "{they} {looks} at the viewer"),
        no=("{they} {isn't} looking at the camera", "{they} {doesn't} look at the viewer"),
        neutral=False,
    ),
}
CHOICES: Final = {
    "gaze_direction": Choice(
        {"camera": "at the camera", "left": "to the left", "right": "to the right", "up": "up", "down": "down"},
        what=("where {is} {they} looking", "in what direction {does} {they} look", "where is {their} gaze directed"),
        which=("{is} {they} looking {options}", "{does} {they} look {options}"),
        answers=("{value}", "{they} {is} looking {value}", "{they} {looks} {value}"),
    ),
    "head_turn": Choice(
        {"front": "straight ahead", "left": "to the left", "right": "to the right"},
        what=("which way does {their} face point", "which way {is} {they} facing"),
        which=("does {their} face point {options}", "{is} {they} facing {options}"),
        answers=("{value}", "{their} face points {value}", "{they} {is} facing {value}"),
    ),
    "head_tilt": Choice(
        {"upright": "upright", "left": "tilted to the left", "right": "tilted to the right"},
        what=("how {does} {they} hold the head", "how is {their} head held, tilted or upright"),
        which=("is {their} head {options}", "which describes {their} head: {options}"),
        answers=("{value}", "{their} head is {value}"),
    ),
}
