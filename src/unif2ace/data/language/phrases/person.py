"""Who it is: age and gender as presented. Gender itself is said by the nouns and pronouns of `grammar`."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import Phrase

PHRASES: Final = (
    Phrase({"age": "young"}, weight=6, adjective=("young",), does=("{looks} young", "{appears} to be young")),
    Phrase(
        {"age": "middle-aged"}, weight=6, adjective=("middle-aged",),
        does=("{looks} middle-aged", "{appears} to be middle-aged"),
    ),
    Phrase({"age": "elderly"}, weight=6, adjective=("elderly",), does=("{looks} elderly", "{appears} to be elderly")),
)  # fmt: skip
