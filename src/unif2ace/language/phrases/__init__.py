"""The phrases of captions and questions as data, one file per theme. Adding a phrase needs no change of code."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import Lexicon, Phrase
from unif2ace.language.grammar import Words
from unif2ace.language.phrases import (
    action,
    emotion,
    eyes,
    face,
    facial_hair,
    hair,
    makeup,
    person,
    pose,
    setting,
    wear,
)
from unif2ace.language.question_forms import Choice, Counted, Reason, YesNo

THEMES: Final[dict[str, tuple[Phrase, ...]]] = {
    "person": person.PHRASES,
    "hair": hair.PHRASES,
    "face": face.PHRASES,
    "eyes": eyes.PHRASES,
    "facial_hair": facial_hair.PHRASES,
    "makeup": makeup.PHRASES,
    "wear": wear.PHRASES,
    "action": (*action.PHRASES, *pose.PHRASES),
    "emotion": emotion.PHRASES,
    "setting": setting.PHRASES,
}
LEXICON: Final = Lexicon(THEMES)
WORDS: Final[Words] = {**hair.WORDS, **face.WORDS, **eyes.WORDS, **makeup.WORDS, **wear.WORDS}
YES_NO: Final[dict[str, YesNo]] = {
    **hair.YES_NO, **face.YES_NO, **eyes.YES_NO, **facial_hair.YES_NO, **makeup.YES_NO, **wear.YES_NO,
    **action.YES_NO, **pose.YES_NO, **emotion.YES_NO,
}
CHOICES: Final[dict[str, Choice]] = {
    **person.CHOICES, **hair.CHOICES, **face.CHOICES, **eyes.CHOICES, **makeup.CHOICES, **wear.CHOICES, **pose.CHOICES,
    **emotion.CHOICES, **setting.CHOICES,
}
COUNTED: Final[dict[str, Counted]] = {**face.COUNTED, **eyes.COUNTED, **wear.COUNTED}
REASONS: Final[tuple[Reason, ...]] = (*emotion.REASONS, *wear.REASONS, *action.REASONS, *facial_hair.REASONS)
