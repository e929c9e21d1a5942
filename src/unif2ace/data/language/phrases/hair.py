"""Hair: color, length, texture, bangs, hairline, baldness."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import ANY, Phrase

WORDS: Final = {
    "hair_colour": {"black": ("black",), "brown": ("brown",), "blond": ("blond",), "red": ("red",), "gray": ("gray",)},
    "hair_length": {"short": ("short",), "medium": ("medium-length",), "long": ("long",)},
    "hair_texture": {"straight": ("straight",), "wavy": ("wavy",), "curly": ("curly",)},
}
_HAIR: Final = {"bald": (False, None)}

PHRASES: Final = (
    Phrase(
        {"hair_colour": ANY, "hair_length": ANY, "hair_texture": ANY}, _HAIR, chance=0.7, weight=4,
        noun=(
            "{hair_length} {hair_texture} {hair_colour} hair",
            "{hair_length}, {hair_texture} {hair_colour} hair",
        ),
        clause=(
            "{their} {hair_colour} hair is {hair_length} and {hair_texture}",
            "{their} hair is {hair_length}, {hair_texture}, and {hair_colour}",
            "{their} {hair_texture} {hair_colour} hair is {hair_length}",
            "{their} {hair_length} hair is {hair_colour} and {hair_texture}",
            "{hair_length} {hair_texture} {hair_colour} hair frames {their} face",
            "{their} {hair_colour} hair is worn {hair_length} and has a {hair_texture} texture",
            "the hair on {their} head is {hair_length}, {hair_texture}, and {hair_colour} in color",
        ),
        does=("{wears} {their} {hair_texture} {hair_colour} hair {hair_length}",),
    ),
    Phrase(
        {"hair_colour": ANY, "hair_length": ANY}, _HAIR, chance=0.6, weight=3,
        noun=("{hair_length} {hair_colour} hair",),
        clause=(
            "{their} hair is {hair_length} and {hair_colour}",
            "{their} {hair_colour} hair is worn {hair_length}",
            "the hair on {their} head is {hair_length} and {hair_colour} in color",
            "{hair_length} {hair_colour} hair frames {their} face",
        ),
        does=("{wears} {their} {hair_colour} hair {hair_length}",),
    ),
    Phrase(
        {"hair_colour": ANY, "hair_texture": ANY}, _HAIR, chance=0.8, weight=3,
        noun=("{hair_texture} {hair_colour} hair",),
        clause=(
            "{their} hair is {hair_texture} and {hair_colour}",
            "{their} {hair_colour} hair has a {hair_texture} texture",
            "{hair_texture} {hair_colour} hair frames {their} face",
        ),
        adjective=("{hair_texture}-haired",),
    ),
    Phrase(
        {"hair_length": ANY, "hair_texture": ANY}, _HAIR, chance=0.8, weight=2,
        noun=("{hair_length} {hair_texture} hair",),
        clause=("{their} hair is {hair_length} and {hair_texture}", "{their} {hair_texture} hair is {hair_length}"),
    ),
    Phrase(
        {"hair_colour": ANY}, _HAIR, weight=3,
        noun=("{hair_colour} hair",),
        clause=("{their} hair is {hair_colour}", "the color of {their} hair is {hair_colour}", "{their} hair is {hair_colour} in color"),
        adjective=("{hair_colour}-haired",),
    ),
    Phrase(
        {"hair_length": ANY}, _HAIR, weight=2,
        noun=("{hair_length} hair",),
        clause=("{their} hair is {hair_length}", "{their} hair is worn {hair_length}"),
        does=("{wears} {their} hair {hair_length}",),
    ),
    Phrase(
        {"hair_texture": ANY}, _HAIR, weight=2,
        noun=("{hair_texture} hair",),
        clause=("{their} hair is {hair_texture}", "{their} hair has a {hair_texture} texture", "the texture of {their} hair is {hair_texture}"),
    ),
    Phrase(
        {"bald": True}, weight=4,
        noun=("a bald head", "no hair on top of {their} head"),
        state=("bald",),
        clause=("{their} head is bald", "there is no hair on top of {their} head, which is bald"),
        adjective=("bald",),
    ),
    Phrase(
        {"bangs": True, "receding_hairline": False}, _HAIR, chance=0.1,
        noun=("bangs and a full hairline",),
        clause=("bangs fall from {their} full hairline",),
    ),
    Phrase(
        {"bangs": True}, _HAIR,
        noun=("bangs", "bangs over {their} forehead", "bangs that fall across {their} forehead"),
        clause=("bangs fall across {their} forehead", "{their} forehead is partly covered by bangs"),
    ),
    Phrase(
        {"bangs": False}, _HAIR, weight=0.3,
        absent=("bangs",),
        clause=("no bangs fall across {their} forehead", "{their} forehead is free of bangs"),
    ),
    Phrase(
        {"receding_hairline": True}, {"bald": (False, None)},
        noun=("a receding hairline", "a hairline that is receding"),
        clause=("{their} hairline is receding", "{their} hairline has receded from {their} forehead", "the line of {their} hair has receded"),
    ),
    Phrase(
        {"receding_hairline": False}, _HAIR, weight=0.25,
        absent=("a receding hairline",),
        clause=("{their} hairline is not receding", "{their} hairline has not receded"),
    ),
    Phrase({"straight_hair": False}, _HAIR, weight=0.1, clause=("{their} hair is not straight",)),
    Phrase({"wavy_hair": False}, _HAIR, weight=0.1, clause=("{their} hair is not wavy",)),
    Phrase({"long_hair": False}, _HAIR, weight=0.1, clause=("{their} hair is not long",)),
    Phrase({"black_hair": False}, _HAIR, weight=0.1, clause=("{their} hair is not black",)),
    Phrase({"blond_hair": False}, _HAIR, weight=0.1, clause=("{their} hair is not blond",)),
    Phrase({"brown_hair": False}, _HAIR, weight=0.1, clause=("{their} hair is not brown",)),
    Phrase({"gray_hair": False}, _HAIR, weight=0.1, clause=("{their} hair is not gray",)),
)  # fmt: skip
