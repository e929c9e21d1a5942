"""Actions of the face: smile, laugh, frown, glare, mouth and eyes."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import Phrase
from unif2ace.language.question_forms import Reason, YesNo

_OPEN_EYES: Final = {"eyes_closed": (False, None)}
_NO_LAUGH: Final = {"laugh": (False, None)}   # a laugh implies a smile, so only one is stated


PHRASES: Final = (
    Phrase(
        {"laugh": True, "smile": True}, chance=0.3, weight=3,
        clause=("{their} smile has broken into a laugh", "{their} smile has turned into a laugh"),
    ),
    Phrase(
        {"laugh": True}, weight=3,
        does=("{laughs}", "{is} laughing"), doing=("laughing",), noun=("a laugh on {their} face",), adjective=("laughing",),
    ),
    Phrase(
        {"smile": True, "gaze_direction": "camera"}, {**_OPEN_EYES, **_NO_LAUGH}, chance=0.4, weight=2.5,
        does=("{smiles} at the camera", "{smiles} at the viewer"),
        doing=("smiling at the camera", "smiling at the viewer"),
    ),
    Phrase(
        {"smile": True, "laugh": False}, chance=0.12, weight=1.5,
        does=("{smiles} without laughing", "{smiles} but {does} not laugh"), doing=("smiling without laughing",),
    ),
    Phrase(
        {"smile": True}, _NO_LAUGH, weight=2.5,
        does=("{smiles}", "{is} smiling"), doing=("smiling",), noun=("a smile on {their} face", "a smile on {their} lips"),
        clause=("a smile curves {their} lips", "there is a smile on {their} face", "{their} mouth is curved into a smile"), adjective=("smiling",),
    ),
    Phrase(
        {"smile": False}, _NO_LAUGH, weight=0.5,
        state=("unsmiling",), adjective=("unsmiling",),
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
        does=("{glares}", "{is} glaring"), doing=("glaring",), noun=("a glare in {their} eyes",),
        clause=("there is a glare in {their} eyes",), adjective=("glaring",),
    ),
    Phrase(
        {"frown": True}, weight=2,
        does=("{frowns}", "{is} frowning"), doing=("frowning",), noun=("a frown on {their} face",),
        clause=("there is a frown on {their} face", "{their} features are drawn into a frown"), adjective=("frowning",),
    ),
    Phrase(
        {"frown": False}, weight=0.2,
        noun=("no frown on {their} face",), clause=("there is no frown on {their} face",),
    ),
    Phrase(
        {"make_a_face": True}, weight=3,
        does=("{makes} a face", "{pulls} a face", "{is} making a face"), doing=("making a face", "pulling a face"),
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
)

YES_NO: Final = {
    "smile": YesNo(
        ask=("{is} {they} smiling", "{does} {they} smile", "is there a smile on {their} face"),
        yes=("{they} {is} smiling", "there is a smile on {their} face"),
        no=("{they} {isn't} smiling", "there is no smile on {their} face"),
    ),
    "laugh": YesNo(
        ask=("{is} {they} laughing", "{does} {they} laugh"),
        yes=("{they} {is} laughing",),
        no=("{they} {isn't} laughing",),
    ),
    "mouth_open": YesNo(
        ask=("is {their} mouth open", "are {their} lips parted"),
        yes=("{their} mouth is open", "{their} lips are parted"),
        no=("{their} mouth is closed", "{their} mouth is not open"),
    ),
    "frown": YesNo(
        ask=("{is} {they} frowning", "{does} {they} frown", "is there a frown on {their} face"),
        yes=("{they} {is} frowning", "there is a frown on {their} face"),
        no=("{they} {isn't} frowning", "there is no frown on {their} face"),
        neutral=False,
    ),
    "glare": YesNo(
        ask=("{is} {they} glaring", "{does} {they} glare", "is there a glare in {their} eyes"),
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
        ask=("{is} {they} making a face", "{does} {they} make a face", "{is} {they} pulling a face"),
        yes=("{they} {is} making a face", "{they} {is} pulling a face"),
        no=("{they} {isn't} making a face",),
        neutral=False,
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
