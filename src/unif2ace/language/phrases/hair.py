"""Hair: color, length, texture, bangs, hairline, baldness."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import ANY, Phrase
from unif2ace.language.grammar import Words
from unif2ace.language.question_forms import Choice, YesNo

WORDS: Final[Words] = {
    "hair_colour": {"black": ("black",), "brown": ("brown",), "blond": ("blond",), "red": ("red",), "gray": ("gray",)},
    "hair_length": {"short": ("short",), "medium": ("medium-length",), "long": ("long",)},
    "hair_texture": {"straight": ("straight",), "wavy": ("wavy",), "curly": ("curly",)},
}
_HAIR: Final = {"bald": (False, None)}

PHRASES: Final = (
    Phrase(
        {"hair_colour": ANY, "hair_length": ANY, "hair_texture": ANY}, _HAIR, chance=0.45, weight=4,
        noun=(
            "{hair_length} {hair_texture} {hair_colour} hair",
            "{hair_length}, {hair_texture} {hair_colour} hair",
            "{hair_length} {hair_colour} hair with a {hair_texture} texture",
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
        {"hair_colour": ANY, "hair_length": ANY}, _HAIR, chance=0.5, weight=3,
        noun=("{hair_length} {hair_colour} hair", "{hair_length} hair of a {hair_colour} color"),
        clause=(
            "{their} hair is {hair_length} and {hair_colour}",
            "{their} {hair_colour} hair is worn {hair_length}",
            "the hair on {their} head is {hair_length} and {hair_colour} in color",
            "{hair_length} {hair_colour} hair frames {their} face",
        ),
        does=("{wears} {their} {hair_colour} hair {hair_length}",),
    ),
    Phrase(
        {"hair_colour": ANY, "hair_texture": ANY}, _HAIR, chance=0.6, weight=3,
        noun=("{hair_texture} {hair_colour} hair", "{hair_texture} hair of a {hair_colour} color", "{hair_colour} hair with a {hair_texture} texture"),
        clause=(
            "{their} hair is {hair_texture} and {hair_colour}",
            "{their} {hair_colour} hair has a {hair_texture} texture",
            "{hair_texture} {hair_colour} hair frames {their} face",
        ),
    ),
    Phrase(
        {"hair_length": ANY, "hair_texture": ANY}, _HAIR, chance=0.6, weight=2,
        noun=("{hair_length} {hair_texture} hair",),
        clause=("{their} hair is {hair_length} and {hair_texture}", "{their} {hair_texture} hair is {hair_length}"),
    ),
    Phrase(
        {"hair_colour": ANY}, _HAIR, weight=3,
        noun=("{hair_colour} hair", "hair of a {hair_colour} color"),
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
        adjective=("{hair_texture}-haired",),
    ),
    Phrase(
        {"bald": True}, weight=4,
        noun=("a bald head",),
        state=("bald",),
        clause=("{their} head is bald", "there is no hair on top of {their} bald head"),
        adjective=("bald",),
    ),
    Phrase(
        {"bangs": True}, _HAIR,
        noun=("bangs", "bangs over {their} forehead", "bangs that fall across {their} forehead", "bangs that hang over the forehead"),
        clause=(
            "bangs fall across {their} forehead", "{their} forehead is partly covered by bangs",
            "{their} hair falls over {their} forehead in bangs", "some of {their} hair is cut into bangs over the forehead",
        ),
    ),
    Phrase(
        {"bangs": False}, _HAIR, weight=0.3,
        absent=("bangs",),
        clause=(
            "no bangs fall across {their} forehead", "{their} forehead is free of bangs",
            "{their} forehead is not covered by bangs",
        ),
    ),
    Phrase(
        {"receding_hairline": True}, {"bald": (False, None)},
        noun=("a receding hairline", "a hairline that recedes from the forehead"),
        clause=("{their} hairline is receding", "{their} hairline has receded from {their} forehead", "the hairline recedes above {their} forehead"),
    ),
    Phrase(
        {"receding_hairline": False}, _HAIR, weight=0.25,
        absent=("a receding hairline",),
        clause=("{their} hairline is not receding", "{their} hairline has not receded"),
    ),
    # Labels that a data set denies without giving the actual value.
    *(
        Phrase({one: False, other: False}, _HAIR, weight=0.15, clause=(f"{{their}} hair is neither {a} nor {b}",))
        for one, a, other, b in (
            ("straight_hair", "straight", "wavy_hair", "wavy"),
            ("black_hair", "black", "blond_hair", "blond"),
            ("brown_hair", "brown", "gray_hair", "gray"),
        )
    ),
    *(
        Phrase({f"{kind}_hair": False}, _HAIR, weight=0.1, clause=(f"{{their}} hair is not {kind}",))
        for kind in ("straight", "wavy", "long", "black", "blond", "brown", "gray")
    ),
)

YES_NO: Final = {
    **{
        f"{colour}_hair": YesNo(
            ask=(f"is {{their}} hair {colour}", f"{{does}} {{they}} have {colour} hair", f"is the hair {colour}"),
            yes=(f"{{their}} hair is {colour}", f"{{they}} {{has}} {colour} hair"),
            no=(f"{{their}} hair is not {colour}", f"{{they}} {{doesn't}} have {colour} hair"),
            instead=("{their} hair is {hair_colour}", "{they} {has} {hair_colour} hair"),
        )
        for colour in ("black", "blond", "brown", "gray")
    },
    **{
        f"{texture}_hair": YesNo(
            ask=(f"is {{their}} hair {texture}", f"{{does}} {{they}} have {texture} hair"),
            yes=(f"{{their}} hair is {texture}", f"{{they}} {{has}} {texture} hair"),
            no=(f"{{their}} hair is not {texture}", f"{{they}} {{doesn't}} have {texture} hair"),
            instead=("{their} hair is {hair_texture}", "{they} {has} {hair_texture} hair"),
        )
        for texture in ("straight", "wavy")
    },
    "long_hair": YesNo(
        ask=("is {their} hair long", "{does} {they} have long hair", "{does} {they} wear long hair"),
        yes=("{their} hair is long", "{they} {has} long hair"),
        no=("{their} hair is not long", "{they} {doesn't} have long hair"),
        instead=("{their} hair is {hair_length}",),
    ),
    "bangs": YesNo(
        ask=("{does} {they} have bangs", "do bangs fall over the forehead", "are there bangs over the forehead"),
        yes=("{they} {has} bangs", "there are bangs over {their} forehead"),
        no=("{they} {doesn't} have bangs", "there are no bangs"),
    ),
    "receding_hairline": YesNo(
        ask=("{does} {they} have a receding hairline", "is {their} hairline receding", "has the hairline receded"),
        yes=("{their} hairline is receding", "{they} {has} a receding hairline"),
        no=("{their} hairline is not receding", "{they} {doesn't} have a receding hairline"),
    ),
    "bald": YesNo(
        ask=("{is} {they} bald", "is {their} head bald", "{does} {they} have a bald head"),
        yes=("{they} {is} bald", "{their} head is bald"),
        no=("{they} {isn't} bald", "{their} head is not bald"),
    ),
}
CHOICES: Final = {
    "hair_colour": Choice(
        {"black": "black", "brown": "brown", "blond": "blond", "red": "red", "gray": "gray"},
        what=("what color is {their} hair", "what is {their} hair color", "what hair color {does} {they} have"),
        which=("is {their} hair {options}", "which is the color of {their} hair: {options}"),
        answers=("{value}", "{their} hair is {value}", "{they} {has} {value} hair"),
        neutral=True,
    ),
    "hair_length": Choice(
        {"short": "short", "medium": "medium-length", "long": "long"},
        what=("how long is {their} hair", "what is the length of {their} hair"),
        which=("is {their} hair {options}", "{does} {they} have {options} hair"),
        answers=("{their} hair is {value}", "{value}", "{they} {has} {value} hair"),
        neutral=True,
    ),
    "hair_texture": Choice(
        {"straight": "straight", "wavy": "wavy", "curly": "curly"},
        what=("what texture does {their} hair have", "what is the texture of {their} hair"),
        which=("is {their} hair {options}", "{does} {they} have {options} hair"),
        answers=("{their} hair is {value}", "{value}", "{they} {has} {value} hair"),
        neutral=True,
    ),
}
