"""What can be said of a face: phrases (data, in `phrases/`) and the facts they turn a record into."""

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
    """Ways to say one thing, by the place in a sentence that they fit.

    A slot lists alternatives; an empty one means that the phrase cannot stand there. In the text ``{hair_colour}`` is
    a word for that field's value, and pronouns and verbs agree with the person (see `grammar.Voice`).

    Attributes:
        when: The fields (or stated labels) it states, each with its value or `ANY`.
        given: Further fields and the values they may have, None for null; not stated.
        chance: Share of captions in which a phrase that joins several fields is tried at all.
        weight: How readily it is chosen; 1 for an ordinary fact.
        noun: What one "has": "high cheekbones", "her mouth open".
        worn: What one wears: "a cap".
        absent: What one does not have or wear: "a cap".
        does: A finite verb phrase: "{looks} down".
        doing: The same as a participle: "looking down".
        state: What one "is": "clean-shaven".
        clause: A whole clause with its own subject: "{their} cheekbones are high".
        adjective: What goes before "woman": "freckled".
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
    """One thing that is true of a face and can be seen.

    Attributes:
        stated: The (field, value) pairs that saying it states.
        theme: What it belongs with: ``hair``, ``face``, ``eyes``, ...
        phrase: The ways to say it.
    """

    stated: tuple[tuple[str, Value], ...]
    theme: str
    phrase: Phrase

    def fits(self, slot: Slot) -> bool:
        """Whether it can be said in that place of a sentence."""
        return slot in self.phrase.slots


class Lexicon:
    """The phrases of all themes, found by the values they need.

    Args:
        themes: Phrases by theme. Of two that state the same field, the earlier one wins, so what joins several fields
            stands before what states one.
    """

    def __init__(self, themes: Mapping[str, tuple[Phrase, ...]]) -> None:
        self._by_value: dict[tuple[str, Value], list[tuple[int, str, Phrase]]] = {}
        order = 0
        for theme, phrases in themes.items():
            for phrase in phrases:
                self._by_value.setdefault(next(iter(phrase.when.items())), []).append((order, theme, phrase))
                order += 1

    def facts(self, known: Mapping[str, Value], rng: random.Random) -> list[Fact]:
        """The facts that hold, no field in two of them, in the order of the themes.

        Args:
            known: The fields and stated labels that are not null.
            rng: Decides whether fields that can be said together are.
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
    """The fields of a record that have a value, and the labels stated outright."""
    return {name: value for name, value in record.to_json().items() if value is not None}


def _order(entry: tuple[int, str, Phrase]) -> int:
    return entry[0]


def _holds(phrase: Phrase, known: Mapping[str, Value], said: set[str]) -> bool:
    for name, value in phrase.when.items():
        if name in said or name not in known or (value != ANY and known[name] != value):
            return False
    return not phrase.given or all(known.get(name) in values for name, values in phrase.given.items())
