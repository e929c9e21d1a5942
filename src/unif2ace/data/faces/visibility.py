"""What can be seen: null for what an occluder or the edge of the frame hides. No statement is made about the rest."""

from __future__ import annotations

from unif2ace.data.attributes import AttributeRecord
from unif2ace.data.faces.nuisance import Nuisance

EYES = ("eye_colour", "narrow_eyes", "bags_under_eyes", "eyes_closed", "gaze_direction", "glare")
LOWER_FACE = (
    "big_nose", "full_lips", "double_chin", "face_shape", "high_cheekbones", "rosy_cheeks", "freckles", "lipstick", "beard",
    "goatee", "moustache", "five_o_clock_shadow", "smile", "laugh", "mouth_open", "make_a_face", "emotion", "frown",
)  # fmt: skip
"""What a face mask covers, or leaves too little of to tell."""

CLOSE = 1.215
"""From this size of the face on, the frame's lower edge cuts the neckline."""


def ears_visible(drawn: AttributeRecord, nuisance: Nuisance) -> bool:
    """Whether an ear can be seen: short hair, or longer hair tucked behind the ears, and no hat pulled over them."""
    if drawn["hat"] and drawn["hat_kind"] == "beanie":
        return False
    return bool(drawn["bald"]) or drawn["hair_length"] == "short" or nuisance.jitter[24] > 0


def visible(drawn: AttributeRecord, nuisance: Nuisance) -> AttributeRecord:
    """The record of what the picture shows.

    Args:
        drawn: Everything that is drawn.
        nuisance: Pose and framing.
    """
    hidden: list[str] = []
    if drawn["sunglasses"]:
        hidden += EYES
    if drawn["eyes_closed"]:
        hidden += ["eye_colour", "narrow_eyes", "gaze_direction", "glare"]
    if drawn["mask"]:
        hidden += LOWER_FACE
    if drawn["make_a_face"] or (drawn["sunglasses"] and not drawn["smile"] and not drawn["mouth_open"]):
        hidden.append("emotion")
    if drawn["sunglasses"]:
        hidden.append("arched_eyebrows")
    if drawn["hat"]:
        hidden += ["bangs", "receding_hairline", "bald"]
        if drawn["bald"] or drawn["hair_length"] == "short":
            hidden += ["hair_colour", "hair_length", "hair_texture"]
    if drawn["bald"]:
        hidden += ["hair_colour", "hair_length", "hair_texture", "bangs", "receding_hairline"]
    if drawn["bangs"]:
        hidden += ["receding_hairline", "arched_eyebrows", "bushy_eyebrows"]
    if not ears_visible(drawn, nuisance):
        hidden.append("earrings")
    if drawn["hair_length"] != "short" and not drawn["bald"]:
        hidden.append("sideburns")
    if nuisance.scale > CLOSE:
        hidden += ["necklace", "necktie", "clothing"]
    return drawn.hide(*dict.fromkeys(hidden))
