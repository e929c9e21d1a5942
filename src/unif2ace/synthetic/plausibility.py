"""Rules for attributes that exclude or imply each other. All sampled and edited faces satisfy these rules."""

from __future__ import annotations

from typing import Any, Final

from unif2ace.attributes import TAXONOMY

EXCLUSIVE: Final = (
    ("sunglasses", "eyeglasses"),
    ("beard", "goatee"),
    ("beard", "five_o_clock_shadow"),
    ("goatee", "five_o_clock_shadow"),
    ("necktie", "necklace"),
    ("laugh", "frown"),
    ("laugh", "make_a_face"),
    ("smile", "frown"),
    ("glare", "smile"),
    ("glare", "laugh"),
    ("eyes_closed", "glare"),
    ("bald", "receding_hairline"),
    ("bald", "bangs"),
    ("receding_hairline", "bangs"),
)
"""Pairs of attributes that exclude each other. If both are true, the second becomes false; if only the second was
requested, the first does."""

FORMAL: Final = ("collared shirt", "suit jacket")
"""Values of ``clothing`` that allow a necktie."""

_SIGNS: Final[dict[str, dict[str, bool]]] = {  # signs of an emotion, set if the emotion was requested
    "neutral": {"smile": False, "laugh": False, "frown": False, "glare": False},
    "happiness": {"smile": True, "frown": False, "glare": False},
    "sadness": {"smile": False, "laugh": False, "frown": True, "glare": False},
    "anger": {"smile": False, "laugh": False, "frown": True, "glare": True},
    "surprise": {"smile": False, "laugh": False, "frown": False, "glare": False, "mouth_open": True},
    "fear": {"smile": False, "laugh": False, "frown": False, "glare": False, "mouth_open": True},
}


def make_consistent(known: dict[str, Any], keep: frozenset[str] = frozenset()) -> None:
    """Removes contradictions from the values of all fields.

    Args:
        known: Value of every field, changed in place.
        keep: Requested fields. If a requested and another field contradict each other, the requested field is kept.
    """
    if keep:
        _follow_emotion(known, keep)
    _follow_mouth(known, keep)
    for first, second in EXCLUSIVE:
        if known[first] and known[second]:
            known[first if second in keep and first not in keep else second] = False
    if known["necktie"] and known["clothing"] not in FORMAL:
        if "clothing" in keep and "necktie" not in keep:
            known["necktie"] = False
        else:
            known["clothing"] = FORMAL[0]
    _follow_hair(known, keep)
    for field in TAXONOMY.fields.values():
        if field.requires and not known[field.requires]:
            known[field.name] = None
        elif field.requires and known[field.name] is None:
            known[field.name] = field.choices[0]


def _follow_emotion(known: dict[str, Any], keep: frozenset[str]) -> None:
    """A requested emotion sets its signs (`_SIGNS`). A requested sign changes an emotion that contradicts the sign."""
    if "emotion" in keep and known["emotion"]:
        for name, shown in _SIGNS[known["emotion"]].items():
            if name not in keep:
                known[name] = shown
        if "make_a_face" not in keep:
            known["make_a_face"] = False
        return
    if keep & {"smile", "laugh"} and (known["smile"] or known["laugh"]):
        known["emotion"] = "happiness"
    elif "smile" in keep and known["emotion"] == "happiness":
        known["emotion"] = "neutral"
    elif (
        keep & {"glare", "frown"}
        and (known["glare"] or known["frown"])
        and known["emotion"] not in ("anger", "sadness")
    ):
        known["emotion"] = "anger"


def _follow_mouth(known: dict[str, Any], keep: frozenset[str]) -> None:
    """A laugh implies a smile and an open mouth. ``make_a_face`` (tongue out) implies an open mouth and no smile."""
    if known["laugh"] and "smile" in keep and not known["smile"]:
        known["laugh"] = False
    if "mouth_open" in keep and not known["mouth_open"]:
        known["laugh"] = known["make_a_face"] = False
    if "smile" in keep and known["smile"] and "make_a_face" not in keep:
        known["make_a_face"] = False
    if known["laugh"] and known["make_a_face"]:
        known["laugh" if "make_a_face" in keep and "laugh" not in keep else "make_a_face"] = False
    if known["laugh"] or known["make_a_face"]:
        known["mouth_open"] = True
    known["smile"] = (bool(known["smile"]) or bool(known["laugh"])) and not known["make_a_face"]


def _follow_hair(known: dict[str, Any], keep: frozenset[str]) -> None:
    """A bald head gets the hair length "short". A requested hair length or texture sets ``bald`` to false."""
    if keep & {"hair_length", "hair_texture"} and "bald" not in keep:
        known["bald"] = False
    if known["bald"] or known["hair_length"] is None:
        known["hair_length"] = "short"
