"""Converts the FFHQ features of one image into a record.

FFHQ (Karras et al., CVPR 2019) has no labels. The *FFHQ features* give scores, classes and angles for each aligned
image, estimated by Microsoft's Face service. Because they are estimates, each score has two thresholds; a score between
them becomes null.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

from unif2ace.attributes.record import AttributeRecord, Value
from unif2ace.errors import DataError


class Band(NamedTuple):
    """Two thresholds of a score in [0, 1]: false for score <= `low`, true for score >= `high`, otherwise null."""

    low: float
    high: float

    def decide(self, score: float | None) -> bool | None:
        """Applies the thresholds; None for a missing score or a score between the thresholds."""
        if score is None or self.low < score < self.high:
            return None
        return score >= self.high


SMILE = Band(0.2, 0.8)  # the service's intensity of a smile; faint smiles lie between
FACIAL_HAIR = Band(0.1, 0.6)  # values are 0, 0.1, 0.4, 0.6, 0.9; stubble and thin beards get 0.4
BALD = Band(0.2, 0.9)  # thin or cropped hair lies between
ACCESSORY = Band(0.0, 0.9)  # an accessory that is not listed counts as 0
EMOTION = Band(0.05, 0.8)  # the eight scores sum to 1, so at most one reaches the upper threshold
HAIR_COLOUR = Band(0.1, 0.9)
HAIR_COLOUR_LEAD = 0.2  # colours are scored independently: dark brown hair gets 1.0 brown and 0.9 black, and is null
ADULT_AGE = 18.0  # the gender of a child is null
# Years; the gaps allow for estimates that are usually off by 5 years.
AGE_BANDS = (("young", 0.0, 32.0), ("middle-aged", 42.0, 57.0), ("elderly", 68.0, 200.0))
FRONT_YAW, TURNED_YAW = 10.0, 25.0  # degrees; negative turns the nose to the viewer's left
UPRIGHT_ROLL = 5.0  # degrees; which sign leans to which side is not documented, so a lean stays null

_GENDERS = {"male": "man", "female": "woman"}
_HAIR_COLOURS = {"black": "black", "brown": "brown", "blond": "blond", "red": "red", "gray": "gray", "white": "gray"}
_GLASSES = {"noglasses": (False, False), "readingglasses": (True, False), "sunglasses": (False, True)}
_MOUTH = ("smile", "laugh", "mouth_open", "lipstick", "moustache", "goatee")


def record_of_ffhq(features: Mapping[str, Any]) -> AttributeRecord:
    """Converts the features of one face to a record; missing, uncertain and covered attributes are null.

    Args:
        features: The entry ``faceAttributes`` of one face in the features JSON.

    Returns:
        The record; empty features give an empty record.

    Raises:
        DataError: If a score is not a finite number, or a group of scores is not a mapping or list as documented by the
            service.
    """
    age = _number(features, "age")
    smile = SMILE.decide(_number(features, "smile"))
    hair = _group(features, "facialHair")
    values: dict[str, Value] = {
        "gender": _GENDERS.get(_word(features, "gender")) if age is not None and age >= ADULT_AGE else None,
        "age": next((name for name, low, high in AGE_BANDS if age is not None and low <= age <= high), None),
        "smile": smile,
        "laugh": False if smile is False else None,
        "beard": FACIAL_HAIR.decide(_number(hair, "beard")),
        "moustache": FACIAL_HAIR.decide(_number(hair, "moustache")),
        "sideburns": FACIAL_HAIR.decide(_number(hair, "sideburns")),
        **_worn(features),
        **_pose(_group(features, "headPose")),
        **_emotion(_group(features, "emotion")),
        **_hair(_group(features, "hair")),
        **_makeup(_group(features, "makeup")),
    }
    record = AttributeRecord(values)
    covered = record["mask"] is True or _group(features, "occlusion").get("mouthOccluded") is True
    return record.hide(*_MOUTH) if covered else record


def _worn(features: Mapping[str, Any]) -> dict[str, Value]:
    eyeglasses, sunglasses = _GLASSES.get(_word(features, "glasses"), (None, None))
    values: dict[str, Value] = {"eyeglasses": eyeglasses, "sunglasses": sunglasses}
    if features.get("accessories") is None:
        return values
    scores = _scores(features, "accessories", "type")
    return {
        **values,
        "hat": ACCESSORY.decide(scores.get("headwear", 0.0)),
        "mask": ACCESSORY.decide(scores.get("mask", 0.0)),
    }


def _pose(pose: Mapping[str, Any]) -> dict[str, Value]:
    yaw, roll = _number(pose, "yaw"), _number(pose, "roll")
    turn = None
    if yaw is not None and abs(yaw) <= FRONT_YAW:
        turn = "front"
    elif yaw is not None and abs(yaw) >= TURNED_YAW:
        turn = "left" if yaw < 0 else "right"
    return {"head_turn": turn, "head_tilt": "upright" if roll is not None and abs(roll) <= UPRIGHT_ROLL else None}


def _emotion(scores: Mapping[str, Any]) -> dict[str, Value]:
    names = ("neutral", "happiness", "sadness", "anger", "surprise", "fear")
    decided = {name: EMOTION.decide(_number(scores, name)) for name in names}
    # For contempt or disgust, each of the six is false.
    return {name: said for name, said in decided.items() if said is not None}


def _hair(hair: Mapping[str, Any]) -> dict[str, Value]:
    if hair.get("invisible") is True:
        return {}
    bald = BALD.decide(_number(hair, "bald"))
    values: dict[str, Value] = {"bald": bald}
    scores = _scores(hair, "hairColor", "color")
    if bald is not False or not scores:
        return values
    (first, best), *others = sorted(scores.items(), key=lambda item: -item[1])
    if best >= HAIR_COLOUR.high and best - max((s for _, s in others), default=0.0) >= HAIR_COLOUR_LEAD:
        return {**values, "hair_colour": _HAIR_COLOURS.get(first)}
    unlikely = (c for c in ("black", "brown", "blond") if c in scores and HAIR_COLOUR.decide(scores[c]) is False)
    return {**values, **{f"{colour}_hair": False for colour in unlikely}}


def _makeup(makeup: Mapping[str, Any]) -> dict[str, Value]:
    lips, eyes = makeup.get("lipMakeup"), makeup.get("eyeMakeup")
    # Lip and eye make-up together do not imply heavy make-up.
    none = lips is False and eyes is False
    return {"lipstick": lips if isinstance(lips, bool) else None, "heavy_makeup": False if none else None}


def _group(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = tree.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DataError(f"FFHQ features: {name!r} is {value!r}, not a mapping of scores")
    return value


def _scores(tree: Mapping[str, Any], name: str, key: str) -> dict[str, float]:
    """Confidence by name, from a list such as ``[{"color": "brown", "confidence": 1.0}]``."""
    listed = tree.get(name) or []
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise DataError(f"FFHQ features: {name!r} is {listed!r}, not a list of entries with {key!r} and 'confidence'")
    return {_word(entry, key): _number(entry, "confidence") or 0.0 for entry in listed}


def _number(tree: Mapping[str, Any], name: str) -> float | None:
    value = tree.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise DataError(f"FFHQ features: {name!r} is {value!r}, not a number")
    return float(value)


def _word(tree: Mapping[str, Any], name: str) -> str:
    return str(tree.get(name) or "").lower()
