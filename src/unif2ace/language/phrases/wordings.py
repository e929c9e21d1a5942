"""Words for each attribute in questions: nouns, verbs and adjectives, by frame (see `question_frames`)."""

from __future__ import annotations

from typing import Final

from unif2ace.language.phrases.emotion import NAMES
from unif2ace.language.question_forms import Wording

_FEELINGS: Final = {
    "happiness": ("joyful", "cheerful"), "sadness": ("unhappy",), "fear": ("scared", "frightened"), "surprise": ("astonished",),
}
_HAIR: Final = {"blond": ("blond", "blonde"), "gray": ("gray", "grey")}


def _of(part: str, *adjectives: str) -> tuple[tuple[str, str], ...]:
    return tuple((part, adjective) for adjective in adjectives)


WORDINGS: Final[dict[str, tuple[Wording, ...]]] = {
    **{
        f"{word}_hair": (
            Wording(had=tuple(f"{one} hair" for one in _HAIR.get(word, (word,))), parts=_of("hair", *_HAIR.get(word, (word,)))),
        )
        for word in ("black", "blond", "brown", "gray", "straight", "wavy", "long")
    },
    "bangs": (Wording(had=("bangs", "a fringe")),),
    "receding_hairline": (Wording(had=("a receding hairline",), parts=_of("hairline", "receding")),),
    "bald": (Wording(had=("a bald head",), being=("bald",), parts=_of("head", "bald")),),
    "pale_skin": (Wording(had=("pale skin", "a pale complexion"), parts=(*_of("skin", "pale"), *_of("complexion", "pale"))),),
    "oval_face": (Wording(had=("an oval face",), parts=_of("face", "oval")),),
    "freckles": (Wording(had=("freckles",), being=("freckled",)),),
    "rosy_cheeks": (Wording(had=("rosy cheeks",), parts=_of("cheeks", "rosy")),),
    "high_cheekbones": (Wording(had=("high cheekbones", "prominent cheekbones"), parts=_of("cheekbones", "high", "prominent")),),
    "double_chin": (Wording(had=("a double chin",)),),
    "big_nose": (Wording(had=("a big nose", "a large nose"), parts=_of("nose", "big", "large")),),
    "full_lips": (Wording(had=("full lips",), parts=_of("lips", "full")),),
    "narrow_eyes": (Wording(had=("narrow eyes",), parts=_of("eyes", "narrow")),),
    "bags_under_eyes": (Wording(had=("bags under the eyes", "bags under both eyes")),),
    "arched_eyebrows": (Wording(had=("arched eyebrows", "arched brows"), parts=(*_of("eyebrows", "arched"), *_of("brows", "arched"))),),
    "bushy_eyebrows": (Wording(had=("bushy eyebrows", "bushy brows"), parts=(*_of("eyebrows", "bushy"), *_of("brows", "bushy"))),),
    "beard": (Wording(had=("a beard",)),),
    "goatee": (Wording(had=("a goatee",)),),
    "moustache": (Wording(had=("a mustache", "a moustache")),),
    "sideburns": (Wording(had=("sideburns",)),),
    "five_o_clock_shadow": (Wording(had=("a five o'clock shadow", "stubble")),),
    "heavy_makeup": (Wording(worn=("heavy makeup", "heavy make-up")),),
    "lipstick": (Wording(worn=("lipstick",)),),
    "eyeglasses": (
        Wording(worn=("eyeglasses", "spectacles", "a pair of eyeglasses")),
        Wording(worn=("glasses", "a pair of glasses"), covers=("sunglasses",)),
    ),
    "sunglasses": (Wording(worn=("sunglasses", "a pair of sunglasses")),),
    "hat": (Wording(worn=("a hat",)),),
    "mask": (Wording(worn=("a face mask", "a mask")),),
    "earrings": (Wording(worn=("earrings", "a pair of earrings")),),
    "necklace": (Wording(worn=("a necklace",)),),
    "necktie": (Wording(worn=("a necktie", "a tie")),),
    "smile": (Wording(had=("a smile",), doing=(("smiling", "smile"),)),),
    "laugh": (Wording(doing=(("laughing", "laugh"),)),),
    "mouth_open": (Wording(had=("an open mouth",), parts=(*_of("mouth", "open"), *_of("lips", "parted"))),),
    "frown": (Wording(had=("a frown",), doing=(("frowning", "frown"),)),),
    "glare": (Wording(doing=(("glaring", "glare"),)),),
    "eyes_closed": (Wording(had=("closed eyes",), parts=_of("eyes", "closed", "shut")),),
    "make_a_face": (Wording(doing=(("making a face", "make a face"), ("pulling a face", "pull a face"))),),
    "gaze": (
        Wording(
            doing=(("looking at the camera", "look at the camera"), ("looking at the viewer", "look at the viewer")),
            parts=_of("gaze", "directed at the camera"),
        ),
    ),
    **{
        value: (Wording(feeling=(name, *_FEELINGS.get(value, ())), parts=_of("expression", name, *_FEELINGS.get(value, ()))),)
        for value, name in NAMES.items()
    },
}

TOPICS: Final[dict[str, tuple[str, ...]]] = {
    "age": ("age group",),
    "hair_colour": ("hair color", "hair colour"),
    "hair_length": ("hair length",),
    "hair_texture": ("hair texture",),
    "face_shape": ("face shape",),
    "skin_tone": ("skin tone",),
    "eye_colour": ("eye color", "eye colour"),
    "lipstick_colour": ("lipstick color", "lipstick colour"),
    "clothing_colour": ("clothing color", "clothing colour"),
    "emotion": ("facial expression", "expression"),
    "gaze_direction": ("gaze direction",),
}
"""Nouns for a field in open questions."""
