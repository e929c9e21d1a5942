"""Parses captions of any model by keywords: taxonomy values and synonyms, near the noun that they describe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from unif2ace.attributes import TAXONOMY
from unif2ace.language.phrasebook import Statement

_FLAGS: Final[dict[str, str]] = {
    "freckles": "freckles|freckled", "rosy_cheeks": "rosy cheeks|flushed cheeks|blush|blushing",
    "high_cheekbones": "high cheekbones", "double_chin": "double chin", "big_nose": "big nose|large nose",
    "full_lips": "full lips|plump lips", "narrow_eyes": "narrow eyes",
    "bags_under_eyes": "bags under the eyes|bags under her eyes|bags under his eyes|bags under eyes|eye bags",
    "arched_eyebrows": "arched eyebrows|arched brows", "bushy_eyebrows": "bushy eyebrows|thick eyebrows|bushy brows",
    "bangs": "bangs|fringe", "receding_hairline": "receding hairline|receding hair", "bald": "bald",
    "beard": "beard|bearded", "goatee": "goatee", "moustache": "moustache|mustache", "sideburns": "sideburns",
    "five_o_clock_shadow": "stubble|five o'clock shadow|5 o'clock shadow",
    "eyeglasses": "eyeglasses|glasses|spectacles", "sunglasses": "sunglasses|shades", "hat": "hat|cap|beanie",
    "mask": "mask|face mask", "earrings": "earring|earrings", "necklace": "necklace", "necktie": "necktie|tie",
    "heavy_makeup": "heavy makeup|heavy make-up", "lipstick": "lipstick",
    "smile": "smile|smiles|smiling", "laugh": "laugh|laughs|laughing", "frown": "frown|frowns|frowning",
    "mouth_open": "open mouth|mouth open|mouth is open|mouth slightly open|parted lips",
    "make_a_face": "makes a face|making a face|grimace|grimacing|tongue out", "glare": "glare|glares|glaring",
    "eyes_closed": "eyes closed|closed eyes|eyes are closed",
}  # fmt: skip
"""Keywords of the boolean fields; ``|`` separates synonyms."""

_WORDS: Final[dict[str, dict[str, str]]] = {
    "gender": {"woman": "woman|female|she|her|girl|lady", "man": "man|male|he|his|him|boy|gentleman"},
    "age": {"young": "young|youthful", "middle-aged": "middle-aged", "elderly": "elderly|old|older|aged"},
    "emotion": {
        "neutral": "neutral|expressionless", "happiness": "happy|happiness|joyful|cheerful|joy",
        "sadness": "sad|sadness|sorrowful", "anger": "angry|anger|furious", "surprise": "surprised|surprise|astonished",
        "fear": "fear|afraid|fearful|scared|frightened",
    },
    "gaze_direction": {
        "camera": "at the camera|at the viewer|into the camera", "left": "looks left|looking left|looking to the left",
        "right": "looks right|looking right|looking to the right", "up": "looks up|looking up",
        "down": "looks down|looking down",
    },
}  # fmt: skip
"""Keywords of values that need no noun next to them, by field."""

_NOUNS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "skin_tone": ("skin|complexion", {"fair": "fair|light", "dark": "dark|black", "pale": "pale|very pale"}),
    "face_shape": ("face", {"heart": "heart-shaped|heart", "oval": "oval|oval-shaped", "long": "long|oblong"}),
    "eye_colour": ("eyes", {"gray": "gray|grey", "brown": "brown|hazel"}),
    "hair_colour": ("hair", {"blond": "blond|blonde", "gray": "gray|grey|white|silver", "red": "red|ginger|auburn"}),
    "hair_length": ("hair", {"medium": "medium-length|shoulder-length", "short": "short|cropped"}),
    "hair_texture": ("hair", {}),
    "background": ("background", {"plain": "plain|simple|solid", "outdoors": "outdoor|outdoors", "studio": "studio"}),
}
"""For each field, the nouns that its values describe, and keywords of the values. The default keyword is the value."""

_NO: Final = frozenset(
    (
        "no",
        "not",
        "without",
        "free",
        "never",
        "nor",
        "neither",
        "isn't",
        "aren't",
        "doesn't",
        "don't",
        "lacks",
        "lacking",
    )
)
_LINKS: Final = frozenset({"is", "are", "looks", "appears", "seems", "was", "were"})
_BREAKS: Final = frozenset(noun for nouns, _ in _NOUNS.values() for noun in nouns.split("|")) | {"with", "but", "while"}
_REACH: Final = 4
"""Maximum distance in words between a value and its noun, and between a negation and the negated word."""
_LABEL_OF: Final = {(label.field, label.value): name for name, label in TAXONOMY.labels.items()}


class KeywordParser:
    """Finds statements by keywords, for captions that the grammar did not write. Fast, but makes errors.

    A keyword is negated if one of the four words before it is "no", "not", "without" or similar. Sentences, and parts
    between commas, are parsed separately.
    """

    def parse(self, text: str) -> tuple[Statement, ...]:
        """The statements of a text, without duplicates. Within a part of a sentence they are ordered by field."""
        found: dict[Statement, None] = {}
        for part in re.split(r"[.;:!?,\n]+", text.lower().replace("\u2019", "'")):
            words = re.findall(r"[\w'-]+", part)
            found |= dict.fromkeys(_flags(words))
            found |= dict.fromkeys(_values(words))
            found |= dict.fromkeys(_described(words))
        return tuple(found)

    def describe(self) -> dict[str, Any]:
        """The name of the parser."""
        return {"name": "keywords"}


def _flags(words: list[str]) -> Iterator[Statement]:
    for field, keywords in _FLAGS.items():
        places = list(_places(words, keywords))
        if places:
            yield field, not all(_denied(words, at) for at in places)


def _values(words: list[str]) -> Iterator[Statement]:
    for field, values in _WORDS.items():
        for value, keywords in values.items():
            for at in _places(words, keywords):
                yield from _stated(field, value, _denied(words, at))


def _described(words: list[str]) -> Iterator[Statement]:
    for field, (nouns, synonyms) in _NOUNS.items():
        near = [place for at in _places(words, nouns) for place in _around(words, at)]
        for value in TAXONOMY.fields[field].choices:
            for at in _places(words, synonyms.get(value, value)):
                if at in near:
                    yield from _stated(field, value, _denied(words, at))


def _stated(field: str, value: str, denied: bool) -> Iterator[Statement]:
    if not denied:
        yield field, value
    elif (field, value) in _LABEL_OF:
        yield _LABEL_OF[field, value], False


def _around(words: list[str], noun: int) -> Iterator[int]:
    """Positions of the words that may describe a noun: before the noun up to the previous noun, and after "is"."""
    for at in range(noun - 1, max(-1, noun - 1 - _REACH), -1):
        if words[at] in _BREAKS:
            break
        yield at
    if noun + 1 < len(words) and words[noun + 1] in _LINKS:
        for at in range(noun + 2, min(len(words), noun + 2 + _REACH)):
            if words[at] in _BREAKS:
                break
            yield at


def _places(words: list[str], keywords: str) -> Iterator[int]:
    for keyword in keywords.split("|"):
        wanted = keyword.split()
        yield from (at for at in range(len(words)) if words[at : at + len(wanted)] == wanted)


def _denied(words: list[str], at: int) -> bool:
    return bool(_NO & set(words[max(0, at - _REACH) : at]))
