"""Samples plausible faces. The seed of the person determines the identity, the seed of the image everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.attributes.record import Value
from unif2ace.errors import DataError
from unif2ace.synthetic.nuisance import NUM_JITTER, Nuisance, draw_nuisance
from unif2ace.synthetic.plausibility import FORMAL, make_consistent
from unif2ace.synthetic.visibility import visible

RENDERER_VERSION: Final = "unif2ace-faces-1"
"""Version of the renderer. It changes whenever the same seed gives other pixels or attributes."""

_PERSON, _PICTURE = 1, 2  # keys of the random streams


@dataclass(frozen=True, slots=True)
class Face:
    """A face to render.

    Attributes:
        seed: Seed of the image.
        person: Seed of the identity, equal for all images of one person.
        drawn: All attributes of the face, including occluded ones.
        nuisance: Nuisance variables, which captions do not mention.
    """

    seed: int
    person: int
    drawn: AttributeRecord
    nuisance: Nuisance

    @property
    def record(self) -> AttributeRecord:
        """The visible attributes; the others are null."""
        return visible(self.drawn, self.nuisance)

    def replace(self, **attributes: Value) -> Face:
        """Returns the same person, pose and light with changed attributes. Contradicting attributes are adjusted.

        Raises:
            DataError: If an attribute or a value is unknown.
        """
        known = {**dict(self.drawn), **attributes}
        for name, value in attributes.items():
            if name not in TAXONOMY.fields:
                AttributeRecord({name: value})
                raise DataError(f"{name!r} is a label, not a field: replace the field {TAXONOMY.labels[name].field!r}")
        make_consistent(known, frozenset(attributes))
        pose = self.nuisance
        turn = {"left": -1.0, "right": 1.0, "front": 0.0}
        if "head_turn" in attributes:
            pose = replace(pose, yaw=turn.get(str(known["head_turn"]), 0.0) * 0.7)
        if "head_tilt" in attributes:
            pose = replace(pose, roll=turn.get(str(known["head_tilt"]), 0.0) * 0.18)
        return Face(self.seed, self.person, AttributeRecord(known), pose)


class _Draw:
    """Random choices from a random stream, which the integers `key` determine."""

    def __init__(self, *key: int) -> None:
        self.rng = np.random.default_rng(key)

    def coin(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, name: str, weights: Sequence[float] | None = None) -> str:
        choices = TAXONOMY.fields[name].choices
        if weights is None:
            return choices[int(self.rng.integers(len(choices)))]
        at = float(self.rng.random()) * sum(weights)
        for choice, weight in zip(choices, weights, strict=True):
            at -= weight
            if at < 0:
                return choice
        return choices[-1]


def sample_face(seed: int, person: int | None = None) -> Face:
    """Samples a plausible face. The same seeds give the same face on any machine.

    Args:
        seed: Seed of the image.
        person: Seed of the identity; None uses `seed`, so that each image shows a different person.

    Raises:
        DataError: If a seed is negative.
    """
    if seed < 0 or (person is not None and person < 0):
        raise DataError(f"seed={seed}, person={person}: both must be at least 0")
    person = seed if person is None else person
    who, body = _person(person)
    draw = _Draw(_PICTURE, seed, person)
    known: dict[str, Value] = dict(who)
    _styling(known, draw)
    _accessories(known, draw)
    _expression(known, draw)
    known["head_turn"] = draw.pick("head_turn", (0.5, 0.25, 0.25))
    known["head_tilt"] = draw.pick("head_tilt", (0.6, 0.2, 0.2))
    known["background"] = draw.pick("background")
    make_consistent(known)
    side = {"left": -1.0, "right": 1.0}
    turn, tilt = side.get(str(known["head_turn"]), 0.0), side.get(str(known["head_tilt"]), 0.0)
    return Face(seed, person, AttributeRecord(known), draw_nuisance(draw.rng, body, turn, tilt, seed))


def _person(person: int) -> tuple[Mapping[str, Value], tuple[float, ...]]:
    """Samples the fields of the identity, and the values of `Nuisance.body`."""
    draw = _Draw(_PERSON, person)
    gender = draw.pick("gender")
    man = gender == "man"
    age = draw.pick("age", (0.5, 0.3, 0.2))
    tone = draw.pick("skin_tone", (0.16, 0.26, 0.2, 0.2, 0.18))
    old, dark = age == "elderly", tone in ("brown", "dark")
    if old:
        hair = draw.pick("hair_colour", (0.1, 0.08, 0.02, 0.0, 0.8))
    elif dark:
        hair = draw.pick("hair_colour", (0.69, 0.28, 0.0, 0.0, 0.03))
    else:
        hair = draw.pick("hair_colour", (0.24, 0.28, 0.26, 0.16, 0.06))
    who: dict[str, Value] = {
        "gender": gender,
        "age": age,
        "skin_tone": tone,
        "freckles": draw.coin(0.04 if dark else 0.22),
        "face_shape": draw.pick("face_shape", (0.3, 0.18, 0.18, 0.16, 0.18)),
        "high_cheekbones": draw.coin(0.3),
        "double_chin": draw.coin(0.05 if age == "young" else 0.22),
        "big_nose": draw.coin(0.26 if man else 0.18),
        "full_lips": draw.coin(0.34),
        "eye_colour": draw.pick("eye_colour", (0.84, 0.08, 0.03, 0.05) if dark else (0.34, 0.22, 0.27, 0.17)),
        "narrow_eyes": draw.coin(0.2),
        "bags_under_eyes": draw.coin(0.5 if old else 0.16),
        "arched_eyebrows": draw.coin(0.15 if man else 0.42),
        "bushy_eyebrows": draw.coin(0.32 if man else 0.14),
        "hair_colour": hair,
        "hair_texture": draw.pick("hair_texture", (0.25, 0.25, 0.5) if dark else (0.42, 0.34, 0.24)),
        "receding_hairline": man and draw.coin(0.12 if age == "young" else 0.36),
        "bald": draw.coin(0.16 if man else 0.015),
    }
    return who, tuple(draw.rng.normal(0, 1, NUM_JITTER).clip(-2, 2).tolist())


def _styling(known: dict[str, Value], draw: _Draw) -> None:
    man, old = known["gender"] == "man", known["age"] == "elderly"
    known["hair_length"] = draw.pick("hair_length", (0.76, 0.16, 0.08) if man else (0.22, 0.34, 0.44))
    known["bangs"] = draw.coin(0.14 if man else 0.34)
    known["rosy_cheeks"] = draw.coin(0.16)
    for name in ("beard", "goatee", "moustache", "sideburns", "five_o_clock_shadow"):
        known[name] = False
    if man:
        kind = draw.rng.random()
        known["beard"], known["goatee"] = bool(kind < 0.2), bool(0.2 <= kind < 0.36)
        known["five_o_clock_shadow"] = bool(0.36 <= kind < 0.54)
        known["moustache"] = bool(known["beard"]) or draw.coin(0.55 if known["goatee"] else 0.16)
        known["sideburns"] = bool(known["beard"]) or draw.coin(0.2)
    makeup = (not man) and draw.coin(0.3 if old else 0.44)
    known["heavy_makeup"] = makeup
    known["lipstick"] = (not man) and draw.coin(0.85 if makeup else 0.3)
    known["lipstick_colour"] = draw.pick("lipstick_colour")


def _accessories(known: dict[str, Value], draw: _Draw) -> None:
    man = known["gender"] == "man"
    worn = draw.rng.random()
    known["eyeglasses"], known["sunglasses"] = bool(worn < 0.2), bool(0.2 <= worn < 0.29)
    known["glasses_shape"] = draw.pick("glasses_shape")
    known["hat"], known["hat_kind"] = draw.coin(0.13), draw.pick("hat_kind")
    known["mask"] = draw.coin(0.06)
    known["earrings"], known["earring_kind"] = draw.coin(0.1 if man else 0.52), draw.pick("earring_kind")
    known["clothing"] = draw.pick("clothing", (0.3, 0.26, 0.22, 0.22))
    known["clothing_colour"] = draw.pick("clothing_colour")
    formal = known["clothing"] in FORMAL
    known["necktie"] = man and formal and draw.coin(0.6)
    known["necklace"] = not known["necktie"] and draw.coin(0.1 if man else 0.4)


def _expression(known: dict[str, Value], draw: _Draw) -> None:
    emotion = draw.pick("emotion", (0.28, 0.3, 0.12, 0.12, 0.1, 0.08))
    known["emotion"] = emotion
    known["smile"] = emotion == "happiness"
    known["laugh"] = emotion == "happiness" and draw.coin(0.36)
    opens = {"neutral": 0.2, "happiness": 0.3, "sadness": 0.1, "anger": 0.3, "surprise": 1.0, "fear": 1.0}
    known["mouth_open"] = bool(known["laugh"]) or draw.coin(opens[emotion])
    known["frown"] = draw.coin({"anger": 0.75, "sadness": 0.6, "neutral": 0.06}.get(emotion, 0.0))
    known["glare"] = emotion == "anger" and draw.coin(0.6)
    known["eyes_closed"] = emotion in ("neutral", "happiness", "sadness") and draw.coin(0.1)
    known["make_a_face"] = emotion in ("neutral", "happiness") and not known["laugh"] and draw.coin(0.1)
    known["gaze_direction"] = draw.pick("gaze_direction", (0.63, 0.115, 0.115, 0.07, 0.07))
    if known["glare"]:
        known["gaze_direction"] = "camera"
