"""Basic English grammar: pronouns, verb agreement, articles, lists and sentences."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

Words = Mapping[str, Mapping[Any, tuple[str, ...]]]
Option = TypeVar("Option")

PRONOUNS: Final[Mapping[object, Mapping[str, str]]] = {
    "woman": {"they": "she", "them": "her", "their": "her", "person": "woman"},
    "man": {"they": "he", "them": "him", "their": "his", "person": "man"},
    None: {"they": "they", "them": "them", "their": "their", "person": "person"},
}
PLURALS: Final[Mapping[str, str]] = {
    **{"is": "are", "has": "have", "does": "do", "isn't": "aren't", "hasn't": "haven't", "doesn't": "don't"},
    **{"carries": "carry", "flashes": "flash", "purses": "purse"},
}
_AN = re.compile(r"\b([Aa]) (?=[aeiou])(?!one|uni[^mn])")


class Voice(dict[str, str]):
    """Fills the slots of a phrase for one person, through `str.format_map`.

    Three kinds of slots are filled. ``{they}``, ``{them}``, ``{their}`` and ``{person}`` become the matching pronoun or
    noun. A field name becomes a word for the field's value. A verb in the third person singular (``{looks}``) is made
    to agree with the subject.

    Args:
        known: Values of the known fields.
        words: Words for each value, by field.
        rng: Chooses among synonyms.
        plural: Whether verbs are in the plural: "they look", but "the person looks".
        pronouns: Text of the four pronoun slots; by default from the known gender.
    """

    def __init__(
        self,
        known: Mapping[str, object],
        words: Words,
        rng: random.Random,
        *,
        plural: bool = False,
        pronouns: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(pronouns or PRONOUNS[known.get("gender")])
        self._known, self._words, self._rng, self._plural = known, words, rng, plural

    def __missing__(self, slot: str) -> str:
        if slot in self._words:
            return pick(self._rng, self._words[slot][self._known[slot]])
        return PLURALS.get(slot, slot.removesuffix("s")) if self._plural else slot


def pick(rng: random.Random, options: Sequence[Option]) -> Option:
    """One of the options, uniformly at random; several times faster than `random.choice`."""
    return options[int(rng.random() * len(options))]


def listing(items: Sequence[str], word: str = "and", *, oxford: bool = True) -> str:
    """The items as a list: "a hat, a tie, and earrings"."""
    if len(items) < 3:
        return f" {word} ".join(items)
    return f"{', '.join(items[:-1])}{',' if oxford else ''} {word} {items[-1]}"


def sentence(text: str) -> str:
    """The text as a sentence: capitalised, with a full stop, and "an" instead of "a" before a vowel."""
    text = _AN.sub(r"\1n ", text)
    return f"{text[0].upper()}{text[1:]}."
