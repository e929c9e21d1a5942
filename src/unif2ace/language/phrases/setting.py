"""The background."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import Phrase
from unif2ace.language.question_forms import Choice

PHRASES: Final = (
    Phrase(
        {"background": "plain"}, weight=2,
        place=("against a plain background", "in front of a plain backdrop", "against a plain backdrop"),
        clause=("the background is plain", "nothing but a plain background can be seen behind {them}", "the background is a plain, single color", "there is a plain background behind {them}", "the background behind {them} is plain", "the space behind {them} is filled with a single plain color"),
    ),
    Phrase(
        {"background": "gradient"}, weight=2,
        place=("against a gradient background", "in front of a gradient backdrop"),
        clause=(
            "the background is a smooth gradient", "the background behind {them} fades from one shade into another", "the background fades from one shade to another",
            "a gradient fills the background", "there is a gradient in the background behind {them}", "the space behind {them} is filled with a gradient",
        ),
    ),
    Phrase(
        {"background": "studio"}, weight=2,
        place=("against a studio backdrop", "in a studio", "in front of a studio backdrop"),
        clause=("the background is a studio backdrop", "the portrait was set up in front of a studio backdrop", "the portrait is set in a studio", "a studio backdrop fills the space behind {them}", "there is a studio backdrop behind {them}"),
    ),
    Phrase(
        {"background": "outdoors"}, weight=2,
        place=("outdoors", "in an outdoor setting", "against an outdoor background"),
        clause=("the setting is outdoors", "the scene behind {them} is an outdoor one", "the background shows an outdoor scene", "the portrait is set outdoors", "the space behind {them} is an outdoor scene", "an outdoor scene can be seen behind {them}"),
    ),
)

CHOICES: Final = {
    "background": Choice(
        {
            "plain": "a plain background", "gradient": "a gradient background", "studio": "a studio backdrop",
            "outdoors": "an outdoor scene",
        },
        what=("what kind of background is behind {them}", "what is behind {them}", "what does the background look like"),
        which=("is there {options} behind {them}", "which can be seen behind {them}: {options}"),
        answers=("{value}", "there is {value} behind {them}"),
    ),
}
