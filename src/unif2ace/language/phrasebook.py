"""Every phrase that the grammar can write, as a word sequence with its statements, for the lookup in `reading`.

The phrasebook is generated from the tables of captions and answers. A new phrase in a table can therefore be parsed
without further changes.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product
from typing import Final, get_args

from unif2ace.attributes import TAXONOMY
from unif2ace.language.facts import ANY, Phrase, Slot, Value
from unif2ace.language.grammar import PLURALS
from unif2ace.language.phrases import CHOICES, COUNTED, REASONS, THEMES, WORDS, YES_NO, frames

Statement = tuple[str, Value]
"""A field and its value, or a negated label and False."""

_TOKEN: Final = re.compile(r"[a-z0-9]+(?:[-'][a-z0-9]+)*|[.,;:!?]")
_SPELLINGS: Final = {
    "an": "a", "grey": "gray", "blonde": "blond", "moustache": "mustache", "colour": "color", "coloured": "colored",
    "spectacles": "glasses", "fringe": "bangs", "tie": "necktie", "he": "they", "she": "they", "his": "their",
    "her": "their", "him": "their", "them": "their", "cannot": "can",
}  # fmt: skip
_PARTS: Final = frozenset(
    {"eyes", "hair", "hairline", "head", "forehead", "brow", "brows", "eyebrows", "face", "skin", "cheeks", "nose"}
    | {"lips", "mouth", "chin", "jaw", "ears", "neck"}
)
_BARE: Final = frozenset(
    {"{value}", "it is {value}", "they are {value}", "the person is {value}", "{they} {is} {value}"}
)
_PRONOUNS: Final = frozenset({"they", "them", "their", "person"})


@dataclass
class Node:
    """A node in the tree of known word sequences.

    Attributes:
        next: Child nodes, by the following word.
        states: Statements of the sequence that ends at this node; None if no sequence ends here.
    """

    next: dict[str, Node] = field(default_factory=dict)
    states: tuple[Statement, ...] | None = None

    def add(self, words: Iterable[str], states: Iterable[Statement]) -> None:
        """Adds a word sequence. If the sequence is already known, its first meaning is kept."""
        node = self
        for word in words:
            node = node.next.setdefault(word, Node())
        if node.states is None:
            node.states = tuple(states)

    def found(self, words: list[str], at: int) -> Iterator[tuple[int, tuple[Statement, ...]]]:
        """End index (exclusive) and statements of each known sequence that starts at index `at`, shortest first."""
        node = self
        for place in range(at, len(words)):
            following = node.next.get(words[place])
            if following is None:
                return
            node = following
            if node.states is not None:
                yield place + 1, node.states

    def longest(self, words: list[str], at: int) -> tuple[int, tuple[Statement, ...]] | None:
        """End index (exclusive) and statements of the longest known sequence that starts at index `at`."""
        return max(self.found(words, at), key=lambda one: one[0], default=None)


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """Lookup trees of the known word sequences.

    Attributes:
        said: Phrases with statements, and openings and transitions without any.
        denied: Phrases that state an absence if "no", "not" or "without" comes before.
        names: By field: the words for each value of the field.
        items: By group of countable items: the words for each item.
    """

    said: Node
    denied: Node
    names: Mapping[str, Node]
    items: Mapping[str, Node]


def words_of(text: str) -> list[str]:
    """Splits a text into lower-case words and punctuation marks, and normalises the spelling.

    Pronouns become gender-neutral, and "the eyes" becomes "their eyes".
    """
    plain = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("n't", " not")
    words = [_SPELLINGS.get(word, word) for word in _TOKEN.findall(plain)]
    return ["their" if word == "the" and after in _PARTS else word for word, after in pairwise((*words, ""))]


@lru_cache(maxsize=1)
def phrasebook() -> Phrasebook:
    """Builds the phrasebook from the tables of the grammar. The result is cached."""
    said, denied = Node(), Node()
    for phrase in (p for phrases in THEMES.values() for p in phrases):
        for slot in get_args(Slot):
            for words, states in _phrase(phrase, slot):
                _deny(denied, words, states) if slot == "absent" else said.add(words, states)
    for words, states in (*_answers(), *_choices(), *_evidence()):
        said.add(words, states)
    for text in _frames():
        said.add(words_of(text), ())
    return Phrasebook(said, denied, {name: _names(name) for name in CHOICES}, {name: _items(name) for name in COUNTED})


def canonical(name: str, value: Value) -> Statement:
    """Replaces a true label by its field and value; other statements are returned unchanged."""
    label = TAXONOMY.labels.get(name)
    return (label.field, label.value) if label and value is True else (name, value)


def _deny(denied: Node, words: list[str], states: tuple[Statement, ...]) -> None:
    denied.add(words, states)
    if words[0] == "a":
        denied.add(words[1:], states)


def _phrase(phrase: Phrase, slot: Slot) -> Iterator[tuple[list[str], tuple[Statement, ...]]]:
    for template in getattr(phrase, slot):
        yield from _expand(template, phrase.when)


def _expand(template: str, when: Mapping[str, Value]) -> Iterator[tuple[list[str], tuple[Statement, ...]]]:
    """Fills a template with every value of its fields, in the singular and in the plural."""
    slots = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    fields = [name for name in slots if name in WORDS]
    for values in product(*(_spoken(name, when.get(name, ANY)) for name in fields)):
        chosen = {name: value for name, (value, _) in zip(fields, values, strict=True)}
        states = tuple(canonical(n, chosen.get(n, v)) for n, v in ({**when, **chosen}).items())
        if any(value == ANY for _, value in states):
            continue  # a value that the words do not express
        spoken = {name: word for name, (_, word) in zip(fields, values, strict=True)}
        for plural in (False, True):
            verbs = {n: _verb(n, plural) for n in slots if n not in spoken}
            yield words_of(template.format_map({**verbs, **spoken})), states


def _spoken(name: str, value: Value) -> list[tuple[Value, str]]:
    return [(v, word) for v, words in WORDS[name].items() for word in words if value in (ANY, v)]


def _verb(slot: str, plural: bool) -> str:
    if slot in _PRONOUNS or not plural:
        return slot
    return PLURALS.get(slot, slot.removesuffix("s"))


def _answers() -> Iterator[tuple[list[str], tuple[Statement, ...]]]:
    for name, entry in YES_NO.items():
        for holds, templates in ((True, entry.yes), (False, entry.no)):
            for template in templates:
                yield from _expand(template.replace("{they} ", "", 1), {name: holds})
        for template in entry.instead:
            yield from _expand(template.replace("{they} ", "", 1), {})


def _choices() -> Iterator[tuple[list[str], tuple[Statement, ...]]]:
    for name, entry in CHOICES.items():
        required = TAXONOMY.fields[name].requires
        for template, (value, word) in product(entry.answers, entry.names.items()):
            if template not in _BARE:
                filled = template.replace("{they} ", "", 1).replace("{value}", word)
                yield from _expand(filled, {**({required: True} if required else {}), name: value})


def _evidence() -> Iterator[tuple[list[str], tuple[Statement, ...]]]:
    for entry in REASONS:
        for (name, value), clause in (*entry.evidence, *entry.support):
            if "no beard," not in clause:  # a list of absences, which is parsed as a list
                yield from _expand(clause.replace("{they} ", "", 1), {name: value})


def _frames() -> Iterator[str]:
    """The fixed parts of openings and transitions, which state nothing."""
    for lead in (lead for some in (*frames.LEADS.values(), frames.AGAIN) for lead in some):
        yield lead.replace("{their}", "their")
    for template in (*frames.DENSE, *frames.SHORT):
        pieces = (text.strip(" ,") for text, *_ in string.Formatter().parse(template))
        yield from (piece for piece in pieces if " " in piece)


def _names(name: str) -> Node:
    """Words that name a value in a short answer: "brown", "the left"."""
    node = Node()
    for value, word in CHOICES[name].names.items():
        words = words_of(word)
        for start in range(len(words) if words[0] in ("a", "to", "at", "the") else 1):
            if words[start] not in ("the", "background", "backdrop") or start == 0:
                node.add(words[start:], ((name, value),))
    for value, synonyms in WORDS.get(name, {}).items():
        for word in synonyms:
            node.add(words_of(word), ((name, value),))
    for value in TAXONOMY.fields[name].choices:
        node.add(words_of(value), ((name, value),))
    for phrase in (p for phrases in THEMES.values() for p in phrases if list(p.when) == [name]):
        node.add(words_of(" ".join(phrase.adjective[:1])), phrase.when.items()) if phrase.adjective[:1] else None
        for words, states in (found for text in phrase.does for found in _expand(text, phrase.when)):
            if name == "emotion" and len(words) == 2:
                node.add(words[1:], states)
    return node


def _items(group: str) -> Node:
    node = Node()
    for item in COUNTED[group].items:
        words = words_of(item)
        for start in range(2 if words[0] == "a" else 1):
            node.add(words[start:], ((item, True),))
    return node
