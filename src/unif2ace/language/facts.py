"""Phrases (data, in `phrases/`) and the facts that they turn a record into."""

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
    """Ways to state something, by the slot of a sentence that they fit.

    A slot lists alternatives; an empty slot means that the phrase does not fit it. In the text, ``{hair_colour}`` is a
    word for that field's value, and pronouns and verbs agree with the person (see `grammar.Voice`).

    Attributes:
        when: The fields (or stated labels) it states, each with its value or `ANY`.
        given: Further conditions: fields and their allowed values, None for null; not stated.
        chance: For a phrase that joins several fields: the share of captions that try it.
        weight: Sampling weight; 1 for an ordinary fact.
        noun: After "has": "high cheekbones", "her mouth open".
        worn: After "wears": "a cap".
        absent: After "has no" or "wears no": "a cap".
        does: A finite verb phrase: "{looks} down".
        doing: The same as a participle: "looking down".
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
        phrase: The ways to state it.
    """

    stated: tuple[tuple[str, Value], ...]
    theme: str
    phrase: Phrase

    def fits(self, slot: Slot) -> bool:
        """Whether the fact can fill that slot of a sentence."""
        return slot in self.phrase.slots


class Lexicon:
    """The phrases of all themes, indexed by the values they need.

    Args:
        themes: Phrases by theme. Of two phrases that state the same field the earlier one is used, so phrases that join
            several fields come first.
    """

    def __init__(self, themes: Mapping[str, tuple[Phrase, ...]]) -> None:
        self._by_value: dict[tuple[str, Value], list[tuple[int, str, Phrase]]] = {}
        order = 0
        for theme, phrases in themes.items():
            for phrase in phrases:
                self._by_value.setdefault(next(iter(phrase.when.items())), []).append((order, theme, phrase))
                order += 1

    def facts(self, known: Mapping[str, Value], rng: random.Random) -> list[Fact]:
        """The true facts, in the order of the themes; no field occurs in two of them.

        Args:
            known: The fields and stated labels that are not null.
            rng: Decides whether fields that can be joined are joined.
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
    """The fields of a record that have a value, and the directly stated labels."""
    return {name: value for name, value in record.to_json().items() if value is not None}


def _order(entry: tuple[int, str, Phrase]) -> int:
    return entry[0]


def _holds(phrase: Phrase, known: Mapping[str, Value], said: set[str]) -> bool:
    for name, value in phrase.when.items():
        if name in said or name not in known or (value != ANY and known[name] != value):
            return False
    return not phrase.given or all(known.get(name) in values for name, values in phrase.given.items())
