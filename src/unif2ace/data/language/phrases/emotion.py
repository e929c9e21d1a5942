"""The emotion that a face shows."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import Phrase


def _emotion(value: str, noun: str, adjectives: tuple[str, ...]) -> Phrase:
    """An emotion by its noun ("sadness") and its adjectives ("sad")."""
    return Phrase(
        {"emotion": value}, weight=3,
        does=tuple(f"{{{verb}}} {a}" for a in adjectives for verb in ("looks", "seems", "appears")),
        noun=tuple(f"a {a} {face}" for a in adjectives for face in ("expression", "look on {their} face")),
        clause=(
            *(f"{{their}} expression is {a}" for a in adjectives), *(f"{{their}} face looks {a}" for a in adjectives),
            f"{{their}} expression is one of {noun}", f"{{their}} face shows {noun}",
            f"the emotion on {{their}} face is {noun}", f"there is a look of {noun} on {{their}} face",
        ),
    )  # fmt: skip


PHRASES: Final = (
    Phrase(
        {"emotion": "neutral"}, weight=3,
        does=("{looks} neutral", "{shows} no strong emotion", "{keeps} a neutral expression"),
        noun=("a neutral expression", "a neutral look on {their} face"),
        clause=("{their} expression is neutral", "{their} face is neutral", "{their} face shows no strong emotion", "the expression on {their} face is neutral"),
    ),
    _emotion("happiness", "happiness", ("happy", "cheerful", "joyful")),
    _emotion("sadness", "sadness", ("sad", "sorrowful", "unhappy")),
    _emotion("anger", "anger", ("angry", "irate")),
    _emotion("surprise", "surprise", ("surprised", "astonished")),
    _emotion("fear", "fear", ("frightened", "fearful", "scared")),
)  # fmt: skip
