"""Phrases (data, in `phrases/`), and the facts of a record that the phrases state."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from unif2ace.attributes import AttributeRecord

Value = str | bool | None
Slot = Literal["noun", "worn", "absent", "does", "doing", "state", "clause", "adjective", "place"]

ANY: Final = "*"
"""In `Phrase.when`: any known value."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Wordings of one fact, grouped by the sentence slot that they fill.

    A slot lists alternative wordings; an empty slot cannot state the fact. In a wording, ``{hair_colour}`` stands for
    the value of that field. Pronouns and verbs in braces agree with the person (see `grammar.Voice`).

    Attributes:
        when: The fields (or labels) that the phrase states, each with its value or `ANY`.
        given: Further required values by field (None for null), which the phrase does not state.
        chance: For a phrase that joins several fields: the probability of using the phrase, in (0, 1].
        weight: Sampling weight; 1 for an ordinary fact.
        noun: After "has": "high cheekbones", "her mouth open".
        worn: After "wears": "a cap".
        absent: After "has no" or "wears no": "a cap".
        does: A finite verb phrase: "{looks} down".
        doing: A participle phrase: "looking down".
        state: After "is": "clean-shaven".
        clause: A whole clause with its own subject: "{their} cheekbones are high".
        adjective: Before "woman": "freckled".
        place: An adverbial of place: "against a plain background".
        slots: The slots that are not empty.
    """

    when: Mapping[str, Value]
    given: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    chance: float = 1.0
    weight: float = 1.0
    noun: tuple[str, ...] = ()
    worn: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    does: tuple[str, ...] = ()
    doing: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    clause: tuple[str, ...] = ()
    adjective: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    slots: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", frozenset(slot for slot in get_args(Slot) if getattr(self, slot)))


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """A true and visible property of a face.

    Attributes:
        stated: The (field, value) pairs that the fact states.
        theme: ``hair``, ``face``, ``eyes``, ...
        phrase: The wordings of the fact.
    """

    stated: tuple[tuple[str, Value], ...]
    theme: str
    phrase: Phrase

    def fits(self, slot: Slot) -> bool:
        """Whether the fact's phrase has a wording for this slot."""
        return slot in self.phrase.slots


class Lexicon:
    """The phrases of all themes, indexed by the values that they state.

    Args:
        themes: Phrases by theme. If two phrases state the same field, the earlier phrase is used. Phrases that join
            several fields therefore come first.
    """

    def __init__(self, themes: Mapping[str, tuple[Phrase, ...]]) -> None:
        self._by_value: dict[tuple[str, Value], list[tuple[int, str, Phrase]]] = {}
        order = 0
        for theme, phrases in themes.items():
            for phrase in phrases:
                self._by_value.setdefault(next(iter(phrase.when.items())), []).append((order, theme, phrase))
                order += 1

    def facts(self, known: Mapping[str, Value], rng: random.Random) -> list[Fact]:
        """The facts that are true for the known values, in the order of the themes. No two facts share a field.

        Args:
            known: The values of the fields and labels that are not null.
            rng: Decides whether to use the phrases that join several fields (see `Phrase.chance`).
        """
        found: list[tuple[int, str, Phrase]] = []
        for name, value in known.items():
            found += self._by_value.get((name, value), ())
            found += self._by_value.get((name, ANY), ())
        found.sort(key=_order)
        facts: list[Fact] = []
        said: set[str] = set()
        for _, theme, phrase in found:
            if _holds(phrase, known, said) and (phrase.chance == 1.0 or rng.random() < phrase.chance):
                said.update(phrase.when)
                facts.append(Fact(tuple((name, known[name]) for name in phrase.when), theme, phrase))
        return facts


def known_values(record: AttributeRecord) -> dict[str, Value]:
    """The fields of a record that are not null, and the labels that the record stores directly."""
    return {name: value for name, value in record.to_json().items() if value is not None}


def _order(entry: tuple[int, str, Phrase]) -> int:
    return entry[0]


def _holds(phrase: Phrase, known: Mapping[str, Value], said: set[str]) -> bool:
    for name, value in phrase.when.items():
        if name in said or name not in known or (value != ANY and known[name] != value):
            return False
    return not phrase.given or all(known.get(name) in values for name, values in phrase.given.items())
