"""Writes the facts of a caption, and the words for its person."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from unif2ace.language.facts import Fact, Slot, Value
from unif2ace.language.grammar import Voice, listing, pick
from unif2ace.language.phrases import WORDS
from unif2ace.language.phrases.frames import AGAIN, LEADS


class Writer:
    """States facts about one person, with varied subjects ("she", "the woman", "the young woman").

    Attributes:
        age: The word for the person's age, after the caption stated the age; before, None.
        themes: The themes that sentences have started with.
        led: Whether the last sentence started with a transition.

    Args:
        known: The values of the record that are not null.
        rng: Chooses among phrasings.
        wordiness: Probability of using the longest of three sampled phrasings, in [0, 1].
    """

    def __init__(self, known: Mapping[str, Value], rng: random.Random, wordiness: float = 0.0) -> None:
        self.rng = rng
        self.noun = Voice(known, WORDS, rng)
        self.pronoun = Voice(known, WORDS, rng, plural=known.get("gender") is None)
        self.age: str | None = None
        self._wordiness = wordiness
        self.themes: set[str] = set()
        self.led = False
        self._again = rng.sample(AGAIN, len(AGAIN))
        self._oxford = rng.random() < 0.6
        self._pronouns = 0

    def say(self, fact: Fact, slot: Slot, voice: Voice | None = None) -> str:
        """A random phrasing of the fact for a slot of a sentence."""
        options: tuple[str, ...] = getattr(fact.phrase, slot)
        phrase = pick(self.rng, options)
        if self.rng.random() < self._wordiness:
            phrase = max(phrase, pick(self.rng, options), pick(self.rng, options), key=len)
        return phrase.format_map(voice or self.noun)

    def join(self, facts: Sequence[Fact], slot: Slot, word: str = "and") -> str:
        """A list of facts in the same slot."""
        return self.list([self.say(fact, slot) for fact in facts], word)

    def list(self, items: Sequence[str], word: str = "and") -> str:
        """A list in this caption's style of punctuation."""
        return listing(items, word, oxford=self._oxford)

    def lead(self, facts: Sequence[Fact]) -> str:
        """A random transition to the facts' theme ("as for clothing, ") or within it ("in addition, "); often empty."""
        theme = facts[0].theme
        again = theme in self.themes
        leads = self._again if again else LEADS[theme]
        often = self._wordiness * (0.35 if again else 0.85)
        if self.led or not leads or self.rng.random() > often or any(f.theme != theme for f in facts):
            return ""
        return f"{self._again.pop() if again else pick(self.rng, leads).format_map(self.noun)}, "

    def subject(self) -> tuple[str, Voice]:
        """The next subject ("she", "the woman"), and the `Voice` whose verbs agree with the subject."""
        if self._pronouns < 2 and (not self._pronouns or self.rng.random() < 0.6):
            self._pronouns += 1
            return self.pronoun["they"], self.pronoun
        self._pronouns = 0
        if self.age and self.rng.random() < 0.3:
            return f"the {self.age} {self.noun['person']}", self.noun
        return f"the {self.noun['person']}", self.noun
