"""What captions and questions say, as data: one file per theme. New phrasings go there and need no other change."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import Lexicon
from unif2ace.data.language.grammar import Words
from unif2ace.data.language.phrases import action, emotion, eyes, face, facial_hair, hair, person, setting, wear

LEXICON: Final = Lexicon(
    {
        "person": person.PHRASES,
        "hair": hair.PHRASES,
        "face": face.PHRASES,
        "eyes": eyes.PHRASES,
        "facial_hair": facial_hair.PHRASES,
        "wear": wear.PHRASES,
        "action": action.PHRASES,
        "emotion": emotion.PHRASES,
        "setting": setting.PHRASES,
    }
)
WORDS: Final[Words] = {**hair.WORDS, **face.WORDS, **eyes.WORDS, **wear.WORDS}
