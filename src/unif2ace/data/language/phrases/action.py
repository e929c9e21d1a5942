"""What the face and the head do: mouth, brows, gaze, turn and tilt. Left and right are the viewer's."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import Phrase

_OPEN_EYES: Final = {"eyes_closed": (False, None)}


def _side(side: str) -> tuple[Phrase, ...]:
    """Gaze, turn and tilt to one side."""
    return (
        Phrase(
            {"head_turn": side, "gaze_direction": side}, _OPEN_EYES, chance=0.6, weight=1.8,
            does=(f"{{turns}} and {{looks}} to the {side}", f"{{faces}} the {side} and {{looks}} that way"),
            doing=(f"turning and looking to the {side}",),
            clause=(f"both {{their}} head and {{their}} gaze are turned to the {side}",),
        ),
        Phrase(
            {"head_turn": side, "head_tilt": side}, chance=0.6, weight=1.5,
            does=(f"{{turns}} and {{tilts}} {{their}} head to the {side}",),
            doing=(f"turning and tilting {{their}} head to the {side}",),
            noun=(f"{{their}} head turned and tilted to the {side}",),
            clause=(f"{{their}} head is turned and tilted to the {side}",),
        ),
        Phrase(
            {"gaze_direction": side}, _OPEN_EYES, weight=1.5,
            does=(f"{{looks}} to the {side}", f"{{gazes}} to the {side}", f"{{glances}} off to the {side}"),
            doing=(f"looking to the {side}", f"gazing to the {side}"),
            noun=(f"{{their}} gaze directed to the {side}", f"{{their}} eyes turned to the {side}"),
            clause=(
                f"{{their}} gaze is directed to the {side}", f"{{their}} eyes are turned to the {side}",
                f"{{their}} eyes look off toward the {side} side of the picture",
            ),
        ),
        Phrase(
            {"head_turn": side},
            does=(f"{{turns}} {{their}} head to the {side}", f"{{faces}} slightly to the {side}"),
            doing=(f"turning {{their}} head to the {side}", f"turned slightly to the {side}"),
            noun=(f"{{their}} head turned to the {side}",),
            clause=(
                f"{{their}} head is turned to the {side}", f"{{their}} face points to the {side}",
                f"{{their}} head is turned toward the {side} side of the picture",
            ),
        ),
        Phrase(
            {"head_tilt": side},
            does=(f"{{tilts}} {{their}} head to the {side}", f"{{leans}} {{their}} head to the {side}"),
            doing=(f"tilting {{their}} head to the {side}",),
            noun=(f"{{their}} head tilted to the {side}",),
            clause=(
                f"{{their}} head is tilted to the {side}", f"{{their}} head leans to the {side}",
                f"{{their}} head leans over toward the {side} side",
            ),
        ),
    )


PHRASES: Final = (
    Phrase(
        {"laugh": True, "smile": True}, weight=3,
        does=("{laughs}", "{is} laughing"), doing=("laughing",), clause=("{their} smile has broken into a laugh",),
        noun=("a laugh on {their} face",), adjective=("laughing",),
    ),
    Phrase(
        {"laugh": True}, {"smile": (None,)}, weight=3,
        does=("{laughs}", "{is} laughing"), doing=("laughing",), adjective=("laughing",),
    ),
    Phrase(
        {"smile": True, "gaze_direction": "camera"}, _OPEN_EYES, chance=0.4, weight=2.5,
        does=("{smiles} at the camera", "{smiles} at the viewer"),
        doing=("smiling at the camera", "smiling at the viewer"),
    ),
    Phrase(
        {"smile": True, "laugh": False}, chance=0.12, weight=1.5,
        does=("{smiles} without laughing", "{smiles} but {does} not laugh"), doing=("smiling without laughing",),
    ),
    Phrase(
        {"smile": True}, weight=2.5,
        does=("{smiles}", "{is} smiling"), doing=("smiling",), noun=("a smile on {their} face", "a smile on {their} lips"),
        clause=("a smile curves {their} lips", "there is a smile on {their} face"), adjective=("smiling",),
    ),
    Phrase(
        {"smile": False}, {"laugh": (False, None)}, weight=0.5,
        does=("{is} not smiling", "{does} not smile"), state=("unsmiling",), adjective=("unsmiling",),
        noun=("no smile on {their} face",),
        clause=("there is no smile on {their} face", "no smile shows on {their} lips"),
    ),
    Phrase(
        {"glare": True, "gaze_direction": "camera"}, _OPEN_EYES, chance=0.5, weight=2.5,
        does=("{glares} at the camera", "{glares} at the viewer"),
        doing=("glaring at the camera", "glaring at the viewer"),
    ),
    Phrase(
        {"glare": True}, weight=2,
        does=("{glares}", "{is} glaring"), doing=("glaring",), noun=("a glare in {their} eyes", "a glare"),
        clause=("there is a glare in {their} eyes",), adjective=("glaring",),
    ),
    Phrase(
        {"frown": True}, weight=2,
        does=("{frowns}", "{is} frowning"), doing=("frowning",), noun=("a frown on {their} face", "a frown"),
        clause=("there is a frown on {their} face",), adjective=("frowning",),
    ),
    Phrase(
        {"frown": False}, weight=0.2,
        does=("{is} not frowning",), noun=("no frown on {their} face",), clause=("there is no frown on {their} face",),
    ),
    Phrase(
        {"make_a_face": True}, weight=3,
        does=("{makes} a face", "{pulls} a face", "{is} making a face"), doing=("making a face", "pulling a face"),
        clause=("{their} features are twisted as {they} {makes} a face",),
    ),
    Phrase(
        {"mouth_open": True}, weight=1.5,
        noun=("{their} mouth open", "{their} lips parted", "{their} mouth held open"),
        clause=("{their} mouth is open", "{their} lips are parted", "{their} lips are apart and {their} mouth is open"),
    ),
    Phrase(
        {"mouth_open": False}, weight=0.5,
        noun=("{their} mouth closed", "{their} lips closed"),
        clause=("{their} mouth is closed", "{their} lips are closed", "{their} mouth is kept closed"),
    ),
    Phrase(
        {"eyes_closed": True}, weight=2.5,
        noun=("{their} eyes closed", "{their} eyes shut"), clause=("{their} eyes are closed", "{their} eyes are shut"),
    ),
    Phrase(
        {"eyes_closed": False}, weight=0.25,
        noun=("{their} eyes open",), clause=("{their} eyes are open",),
    ),
    Phrase(
        {"head_turn": "front", "gaze_direction": "camera"}, _OPEN_EYES, chance=0.35, weight=1.5,
        does=("{faces} forward and {looks} into the camera", "{faces} the camera and {looks} straight at it"),
        doing=("facing forward and looking into the camera",),
        clause=("both {their} face and {their} gaze are directed at the camera",),
    ),
    Phrase(
        {"head_turn": "front", "head_tilt": "upright"}, chance=0.3, weight=0.8,
        does=("{holds} {their} head straight and upright", "{faces} forward with {their} head upright"),
        clause=("{their} head is upright and faces forward",),
    ),
    *_side("left"),
    *_side("right"),
    Phrase(
        {"gaze_direction": "camera"}, _OPEN_EYES, weight=1.5,
        does=(
            "{looks} at the camera", "{looks} straight at the camera", "{looks} into the camera",
            "{looks} directly at the viewer", "{meets} the viewer's gaze",
        ),
        doing=("looking at the camera", "looking straight at the viewer", "looking into the camera"),
        noun=("{their} eyes on the camera", "{their} gaze directed at the camera"),
        clause=("{their} gaze is directed at the camera", "{their} eyes look straight into the camera", "{their} gaze goes straight into the camera"),
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
    Phrase({"gaze": False}, weight=0.3, does=("{does} not look at the camera",), doing=("not looking at the camera",)),
    Phrase(
        {"head_turn": "front"}, weight=0.7,
        does=("{faces} forward", "{faces} straight ahead"), doing=("facing forward", "facing straight ahead"),
        noun=("{their} head facing forward",),
        clause=(
            "{their} face points straight ahead", "{their} head faces forward",
            "{their} head is turned neither to the left nor to the right",
        ),
    ),
    Phrase(
        {"head_tilt": "upright"}, weight=0.5,
        does=("{holds} {their} head upright",), doing=("holding {their} head upright",),
        noun=("{their} head upright", "{their} head held upright"), clause=("{their} head is upright", "{their} head is held upright, without a tilt", "{their} head does not tilt to either side"),
    ),
)  # fmt: skip
