"""Parses captions into statements, also captions that a model generated with errors.

A text is split into the longest phrases that the grammar knows. Unknown words are counted and skipped, so the other
statements are still found. "No", "not" and "without" negate the phrase that follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.facts import Value
from unif2ace.language.phrasebook import Statement, phrasebook, words_of

_MARKS: Final = frozenset(",;:")
_GENDERS: Final = {
    **dict.fromkeys(("he", "his", "him", "man", "man's", "male"), "man"),
    **dict.fromkeys(("she", "her", "hers", "woman", "woman's", "female"), "woman"),
}
_PEOPLE: Final = frozenset({"man", "woman", "person"})
_NO: Final = frozenset({"no", "not", "without", "neither", "never", "nor"})
_AFTER_NO: Final = frozenset(
    {
        "a",
        "any",
        "sign",
        "signs",
        "trace",
        "of",
        "the",
        "wear",
        "wears",
        "wearing",
        "have",
        "has",
        "had",
        "having",
        "show",
    }
)
_PLAIN: Final = frozenset(
    words_of(
        "a the this that these those and or nor but with without while who which is are was has have had wear wears "
        "wearing do does not no there of in on at to from it its they their person man woman here also as both "
        "features include can may be seen visible sign shows show portrait picture image face shown pictured poses "
        "appears yes because since close-up very"
    )
)
_LABEL_OF: Final = {(x.field, x.value): x.name for x in TAXONOMY.labels.values()}
_WORD: Final = re.compile(r"[a-z]+(?:'s)?")


@dataclass(frozen=True, slots=True)
class ParsedCaption:
    """The statements of a text.

    Attributes:
        statements: Fields with values, or negated labels such as ``("black_hair", False)``, without duplicates, in
            order. A text that contradicts itself has two values for one field.
        words: Number of words.
        unread: Words that are not part of a known phrase.
        left: Words that are not part of a phrase with a statement, without punctuation.
        sentences: Number of sentences.
        unparsed: Number of sentences with unread words.
    """

    statements: tuple[Statement, ...]
    words: int
    unread: tuple[str, ...]
    left: tuple[str, ...]
    sentences: int
    unparsed: int

    @property
    def values(self) -> dict[str, Value]:
        """The stated values by name. If the text contradicts itself, the first value is used."""
        return dict(reversed(self.statements))


def read_caption(text: str) -> dict[str, Value]:
    """The values that a caption states, by field, or by label for negated labels.

    Args:
        text: Any text. If it contradicts itself, the first value is used.
    """
    return read_text(text).values


def read_text(text: str) -> ParsedCaption:
    """All statements of a text, and the words that cannot be parsed."""
    statements: dict[Statement, None] = {}
    unread: list[str] = []
    left: list[str] = []
    count = sentences = unparsed = 0
    for sentence in re.split(r"[.!?]+", text):
        words = words_of(sentence)
        if not words:
            continue
        sentences += 1
        statements |= dict.fromkeys(_who(sentence))
        one = _Sentence(_without_people(words))
        statements |= dict.fromkeys(one.statements)
        unread += one.unread
        left += one.left
        unparsed += bool(one.unread)
        count += sum(word not in _MARKS for word in words)
    return ParsedCaption(tuple(statements), count, tuple(unread), tuple(left), sentences, unparsed)


def holds(statement: Statement, record: AttributeRecord) -> bool | None:
    """Whether a statement is true for a record; None if the record's value is null."""
    name, value = statement
    if name in TAXONOMY.fields:
        known = record[name]
        if known is None and (name, value) in _LABEL_OF and isinstance(value, str):
            stated = record.labels[_LABEL_OF[name, value]]
            return False if stated is False else None
    else:
        known = record.labels[name]
    return None if known is None else known == value


def _who(sentence: str) -> list[Statement]:
    """The gender statements that follow from nouns and pronouns."""
    found = (_GENDERS.get(word) for word in _WORD.findall(sentence.lower()))
    return [("gender", gender) for gender in dict.fromkeys(found) if gender]


def _without_people(words: list[str]) -> list[str]:
    """Replaces "the man" by "they", and "the young woman's" by "young their"."""
    out: list[str] = []
    for word in words:
        person = word.removesuffix("'s")
        if person not in _PEOPLE or (person == word and "the" not in out[-2:]):
            out.append(word)
            continue
        age = [out.pop()] if out and out[-1] in TAXONOMY.fields["age"].choices else []
        if out and out[-1] == "the":
            out.pop()
        out += [*age, "they" if person == word else "their"]
    return out


class _Piece(NamedTuple):
    """Words of a sentence that are parsed together.

    Attributes:
        cost: Number of unknown words and number of pieces, from here to the end of the sentence.
        end: Index after the last word.
        states: Statements of the words.
        known: Whether the words are known.
    """

    cost: tuple[int, int]
    end: int
    states: tuple[Statement, ...] = ()
    known: bool = True


class _Sentence:
    """The parse of a sentence with the fewest unknown words and, among equals, the fewest pieces."""

    def __init__(self, words: list[str]) -> None:
        self._words, self._book = words, phrasebook()
        best = [_Piece((0, 0), len(words))] * (len(words) + 1)
        for at in reversed(range(len(words))):
            best[at] = min((self._with(best, piece) for piece in self._pieces(at)), key=lambda piece: piece.cost)
        self.statements: list[Statement] = []
        self.unread: list[str] = []
        self.left: list[str] = []
        at = 0
        while at < len(words):
            piece = best[at]
            passed = [word for word in words[at : piece.end] if word not in _MARKS]
            self.statements += piece.states
            self.left += passed if not piece.states else ()
            self.unread += passed if not piece.known else ()
            at = piece.end

    def _with(self, best: list[_Piece], piece: _Piece) -> _Piece:
        after = best[piece.end].cost
        return piece._replace(cost=(piece.cost[0] + after[0], piece.cost[1] + after[1]))

    def _pieces(self, at: int) -> Iterator[_Piece]:
        """The possible pieces that start at index `at`."""
        for end, states in self._book.said.found(self._words, at):
            yield _Piece((0, 1), end, states)
        if self._words[at] in _NO and (absences := self._absences(at + 1)):
            yield _Piece((0, 1), *absences)
        known = self._words[at] in _PLAIN or self._words[at] in _MARKS
        yield _Piece((not known, 1), at + 1, (), known)

    def _absences(self, at: int) -> tuple[int, tuple[Statement, ...]] | None:
        """Parses a list after a negation ("hat, tie, or earrings"); returns the end index and the statements."""
        while at < len(self._words) and self._words[at] in _AFTER_NO and not self._absence(at):
            at += 1
        one = self._absence(at)
        listed = [one] if one else []
        while listed and (place := self._next(listed[-1][0])) and (one := self._absence(place)):
            listed.append(one)
            if {"or", "nor"} & {*self._words[listed[-2][0] : place]}:
                break
        else:
            listed = listed[:1]  # commas without "or": the next clause has started
        return (listed[-1][0], tuple(state for _, states in listed for state in states)) if listed else None

    def _next(self, at: int) -> int:
        """The index after a comma, "or" or both; 0 if neither is at index `at`."""
        start = at
        while at < len(self._words) and self._words[at] in (",", "or", "nor"):
            at += 1
        return at if at > start else 0

    def _absence(self, at: int) -> tuple[int, tuple[Statement, ...]] | None:
        """End index and statements of the negated phrase at index `at`; None if no phrase starts there."""
        known = self._book.denied.longest(self._words, at)
        if known:
            return known
        found = self._book.said.longest(self._words, at)
        if not found or not found[1]:
            return None
        return found[0], _contrary(found[1])


def _contrary(states: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The statements that follow if a phrase is negated. Empty if none follow: no cap does not mean no hat."""
    if all(value is True for _, value in states):
        return tuple((name, False) for name, _ in states)
    if len(states) == 1 and states[0] in _LABEL_OF:
        return ((_LABEL_OF[states[0]], False),)
    return ()
