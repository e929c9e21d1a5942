"""English in the small: pronouns, verb agreement, articles, lists and the shape of a sentence."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Words = Mapping[str, Mapping[object, tuple[str, ...]]]

PRONOUNS: Final[dict[object, dict[str, str]]] = {
    "woman": {"they": "she", "them": "her", "their": "her", "person": "woman"},
    "man": {"they": "he", "them": "him", "their": "his", "person": "man"},
    None: {"they": "they", "them": "them", "their": "their", "person": "person"},
}
PLURALS: Final[dict[str, str]] = {
    "is": "are", "has": "have", "does": "do", "isn't": "aren't", "hasn't": "haven't", "doesn't": "don't",
    "pushes": "push", "scratches": "scratch", "watches": "watch", "catches": "catch", "poses": "pose",
}  # fmt: skip


class Voice(dict[str, str]):
    """How one person is spoken of: the mapping that fills the slots of a phrase through `str.format_map`.

    A slot is a pronoun (``{they} {them} {their} {person}``), the name of a field, which becomes a word for its value,
    or else a verb in the third person singular (``{looks}``), which agrees with the subject.

    Args:
        known: The fields with a value.
        words: For each field that phrases name, the words for each value.
        rng: Chooses among synonyms.
        plural: Whether the subject takes the plural: "they look", but "the person looks".
        pronouns: The four pronoun slots; by default those of the known gender.
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
            synonyms = self._words[slot][self._known[slot]]
            return synonyms[0] if len(synonyms) == 1 else pick(self._rng, synonyms)
        return PLURALS.get(slot, slot.removesuffix("s")) if self._plural else slot


def pick[T](rng: random.Random, options: Sequence[T]) -> T:
    """One of the options, each as likely; faster than `random.choice`."""
    return options[int(rng.random() * len(options))]
