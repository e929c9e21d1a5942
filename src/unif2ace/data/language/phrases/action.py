"""What the face and the head do: mouth, brows, gaze, turn and tilt. Left and right are the viewer's."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import Phrase
from unif2ace.data.language.inquiries import Choice, Reason, YesNo

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
        clause=("a smile curves {their} lips", "there is a smile on {their} face", "{their} mouth is curved into a smile"), adjective=("smiling",),
    ),
    Phrase(
        {"smile": False}, {"laugh": (False, None)}, weight=0.5,
        doing=("not smiling",), state=("unsmiling",), adjective=("unsmiling",),
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
        clause=("there is a frown on {their} face", "{their} features are drawn into a frown"), adjective=("frowning",),
    ),
    Phrase(
        {"frown": False}, weight=0.2,
        noun=("no frown on {their} face",), clause=("there is no frown on {their} face",),
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
        clause=("{their} mouth is closed", "{their} lips are closed", "{their} mouth is kept closed", "{their} lips rest against each other, with no opening between them"),
    ),
    Phrase(
        {"eyes_closed": True}, weight=2.5,
        noun=("{their} eyes closed", "{their} eyes shut"), clause=("{their} eyes are closed", "{their} eyes are shut", "both of {their} eyes are closed"),
    ),
    Phrase(
        {"eyes_closed": False}, weight=0.25,
        noun=("{their} eyes open",), clause=("{their} eyes are open", "both of {their} eyes are open"),
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
    Phrase({"gaze": False}, weight=0.3, does=("{does} not look at the camera",), doing=("not looking at the camera",)),
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
    "smile": YesNo(
        ask=("is {they} smiling", "does {they} smile", "is there a smile on {their} face"),
        yes=("{they} {is} smiling", "there is a smile on {their} face"),
        no=("{they} {isn't} smiling", "there is no smile on {their} face"),
    ),
    "laugh": YesNo(
        ask=("is {they} laughing", "does {they} laugh"),
        yes=("{they} {is} laughing",),
        no=("{they} {isn't} laughing",),
    ),
    "mouth_open": YesNo(
        ask=("is {their} mouth open", "are {their} lips parted"),
        yes=("{their} mouth is open", "{their} lips are parted"),
        no=("{their} mouth is closed", "{their} mouth is not open"),
        neutral=False,
    ),
    "frown": YesNo(
        ask=("is {they} frowning", "does {they} frown", "is there a frown on {their} face"),
        yes=("{they} {is} frowning", "there is a frown on {their} face"),
        no=("{they} {isn't} frowning", "there is no frown on {their} face"),
        neutral=False,
    ),
    "glare": YesNo(
        ask=("is {they} glaring", "does {they} glare", "is there a glare in {their} eyes"),
        yes=("{they} {is} glaring", "there is a glare in {their} eyes"),
        no=("{they} {isn't} glaring", "there is no glare in {their} eyes"),
        neutral=False,
    ),
    "eyes_closed": YesNo(
        ask=("are {their} eyes closed", "are {their} eyes shut"),
        yes=("{their} eyes are closed", "{their} eyes are shut"),
        no=("{their} eyes are open", "{their} eyes are not closed"),
        neutral=False,
    ),
    "make_a_face": YesNo(
        ask=("is {they} making a face", "does {they} make a face", "is {they} pulling a face"),
        yes=("{they} {is} making a face", "{they} {is} pulling a face"),
        no=("{they} {isn't} making a face",),
        neutral=False,
    ),
    "gaze": YesNo(
        ask=("is {they} looking at the camera", "does {they} look at the viewer", "is {their} gaze directed at the camera"),
        yes=("{they} {is} looking at the camera", "{they} {looks} at the viewer"),
        no=("{they} {isn't} looking at the camera", "{they} {doesn't} look at the viewer"),
        neutral=False,
    ),
}
CHOICES: Final = {
    "gaze_direction": Choice(
        {"camera": "at the camera", "left": "to the left", "right": "to the right", "up": "up", "down": "down"},
        what=("where is {they} looking", "in what direction does {they} look", "where is {their} gaze directed"),
        which=("is {they} looking {options}", "does {they} look {options}"),
        answers=("{value}", "{they} {is} looking {value}", "{they} {looks} {value}"),
    ),
    "head_turn": Choice(
        {"front": "straight ahead", "left": "to the left", "right": "to the right"},
        what=("which way does {their} face point", "which way is {they} facing"),
        which=("does {their} face point {options}", "is {they} facing {options}"),
        answers=("{value}", "{their} face points {value}", "{they} {is} facing {value}"),
    ),
    "head_tilt": Choice(
        {"upright": "upright", "left": "tilted to the left", "right": "tilted to the right"},
        what=("how does {they} hold the head", "how is {their} head held, tilted or upright"),
        which=("is {their} head {options}", "which describes {their} head: {options}"),
        answers=("{value}", "{their} head is {value}"),
    ),
}
REASONS: Final = (
    Reason(
        "eyes_closed", {"eyes_closed": True, "eye_colour": None},
        ask=("why can the color of {their} eyes not be seen", "why is {their} eye color hidden"),
        answers=("because {evidence}", "it is hidden because {evidence}"),
        evidence=((("eyes_closed", True), "{their} eyes are closed"),),
    ),
)
