"""Age and gender as presented. The gender is stated by the nouns and pronouns of `grammar`."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import Phrase
from unif2ace.language.question_forms import Choice

PHRASES: Final = (
    Phrase({"age": "young"}, weight=6, adjective=("young",), does=("{looks} young", "{appears} to be young", "{appears} to be still quite young")),
    Phrase(
        {"age": "middle-aged"}, weight=6, adjective=("middle-aged",),
        does=("{looks} middle-aged", "{appears} to be middle-aged", "{seems} to have reached middle age"),
    ),
    Phrase({"age": "elderly"}, weight=6, adjective=("elderly",), does=("{looks} elderly", "{appears} to be elderly", "{seems} to be of an advanced age")),
)

CHOICES: Final = {
    "gender": Choice(
        {"woman": "a woman", "man": "a man"},
        what=("who is in the picture", "who is shown in the portrait"),
        which=("is the person {options}", "is this {options}", "does the picture show {options}"),
        answers=("{value}", "it is {value}", "the person is {value}"),
        neutral=True,
    ),
    "age": Choice(
        {"young": "young", "middle-aged": "middle-aged", "elderly": "elderly"},
        what=("how old {does} {they} look", "what age group {does} {they} seem to belong to"),
        which=("{does} {they} look {options}", "{is} {they} {options}"),
        answers=("{they} {looks} {value}", "{value}", "{they} {is} {value}"),
    ),
}
