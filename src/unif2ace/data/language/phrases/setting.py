"""What is behind the person."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import Phrase

PHRASES: Final = (
    Phrase(
        {"background": "plain"}, weight=2,
        place=("against a plain background", "in front of a plain backdrop", "against a plain backdrop"),
        clause=("the background is plain", "the background is a plain, single color", "there is a plain background behind {them}", "the background behind {them} is plain"),
    ),
    Phrase(
        {"background": "gradient"}, weight=2,
        place=("against a gradient background", "in front of a gradient backdrop"),
        clause=(
            "the background is a smooth gradient", "the background fades from one shade to another",
            "a gradient fills the background", "there is a gradient in the background behind {them}",
        ),
    ),
    Phrase(
        {"background": "studio"}, weight=2,
        place=("against a studio backdrop", "in a studio", "in front of a studio backdrop"),
        clause=("the background is a studio backdrop", "the portrait is set in a studio", "there is a studio backdrop behind {them}"),
    ),
    Phrase(
        {"background": "outdoors"}, weight=2,
        place=("outdoors", "in an outdoor setting", "against an outdoor background"),
        clause=("the setting is outdoors", "the background shows an outdoor scene", "the portrait is set outdoors", "an outdoor scene can be seen behind {them}"),
    ),
)  # fmt: skip
