"""Visibility of attributes: attributes that are occluded or outside the frame become null."""

from __future__ import annotations

from collections.abc import Iterator

from unif2ace.attributes import AttributeRecord
from unif2ace.synthetic.anatomy import chin_height
from unif2ace.synthetic.nuisance import Nuisance

EYES = ("eye_colour", "narrow_eyes", "bags_under_eyes", "eyes_closed", "gaze_direction", "glare")
BROWS = ("arched_eyebrows", "bushy_eyebrows")
LOWER_FACE = (
    *("big_nose", "full_lips", "double_chin", "face_shape", "high_cheekbones", "rosy_cheeks", "freckles", "lipstick"),
    *("beard", "goatee", "moustache", "sideburns", "five_o_clock_shadow"),
    *("smile", "laugh", "mouth_open", "make_a_face", "emotion", "frown", "age"),
)
"""Fields that a face mask hides completely, or so much that they cannot be recognised."""
HAIR = ("hair_colour", "hair_length", "hair_texture")

_NECK = {
    "necklace": (0.795, 0.72),
    "necktie": (0.810, 0.735),
    "clothing": (0.800, 0.745),
    "clothing_colour": (0.765, 9.0),
}
"""For each field: minimum y of the lower image border, and maximum V of the chin, for the field to be visible."""


def ears_visible(drawn: AttributeRecord, nuisance: Nuisance) -> bool:
    """Whether the ears are visible: hair is short or behind the ears, and no beanie covers them."""
    if drawn["hat"] and drawn["hat_kind"] == "beanie":
        return False
    return bool(drawn["bald"]) or drawn["hair_length"] == "short" or nuisance.jitter[24] > 0


def visible(drawn: AttributeRecord, nuisance: Nuisance) -> AttributeRecord:
    """The attributes that are visible in the image; all others are null.

    Args:
        drawn: All attributes of the face, including occluded ones.
        nuisance: Nuisance variables of the image, for pose and framing.
    """
    hidden = [*_behind_accessories(drawn), *_under_hair(drawn)]
    if drawn["eyes_closed"]:
        hidden += ["eye_colour", "narrow_eyes", "gaze_direction", "glare"]
    if drawn["narrow_eyes"] and (drawn["laugh"] or drawn["make_a_face"]):
        hidden.append("gaze_direction")
    if drawn["beard"]:
        hidden.append("double_chin")
    if not ears_visible(drawn, nuisance):
        hidden.append("earrings")
    bottom, chin = (1 - nuisance.dy) / nuisance.scale, chin_height(drawn, nuisance)
    hidden += [name for name, (reach, hang) in _NECK.items() if bottom < reach or chin > hang]
    return drawn.hide(*dict.fromkeys(hidden))


def _behind_accessories(drawn: AttributeRecord) -> Iterator[str]:
    if drawn["sunglasses"]:
        yield from (*EYES, *BROWS, "heavy_makeup")
    if drawn["mask"]:
        yield from LOWER_FACE
    if drawn["make_a_face"] or (drawn["sunglasses"] and not drawn["smile"] and not drawn["mouth_open"]):
        yield "emotion"
    if drawn["hat"]:
        yield from ("bangs", "receding_hairline", "bald")


def _under_hair(drawn: AttributeRecord) -> Iterator[str]:
    short = drawn["bald"] or drawn["hair_length"] == "short"
    if drawn["bald"] or (drawn["hat"] and short):
        yield from HAIR
    if drawn["bald"]:
        yield from ("bangs", "receding_hairline")
    if drawn["bangs"]:
        yield from ("receding_hairline", *BROWS)
    if not short:
        yield "sideburns"
