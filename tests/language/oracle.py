"""An independent reader of captions, questions and answers: what they state, and whether a record bears it out.

It is written from English and the taxonomy and knows nothing of the grammar that writes the text. Every clause has to
be read in full: what it does not know is a fault, so nothing goes unchecked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import oracle_clauses as clauses
import oracle_dialogue as dialogue
import oracle_phrases as phrases
import oracle_sentences as sentences
from oracle_parser import SUPPOSED, Grammar, Item, Statement

from unif2ace.attributes import TAXONOMY, AttributeRecord

GRAMMAR = Grammar(
    *(phrases.PEOPLE, phrases.VALUES, phrases.NOUNS),
    *(sentences.ACTIONS, sentences.PREDICATES, sentences.TEXT),
    *(clauses.BODY, clauses.WORN, clauses.ACTS, clauses.SETTING),
    *(dialogue.OPTIONS, dialogue.ANYTHING, dialogue.YES_NO, dialogue.BODY, dialogue.WHICH, dialogue.WHAT),
    *(dialogue.ANSWERS, dialogue.FRAGMENTS),
)
EITHER = {  # words for one thing or another
    "facial_hair": ("beard", "goatee", "moustache", "five_o_clock_shadow"),
    "glasses": ("eyeglasses", "sunglasses"),
}
CAPITALS = ("V-neck", "V-shaped")


class Fault(NamedTuple):
    """One thing that is wrong with a text.

    `sort` is ``false``, ``unsupported`` (the record has null), ``unparsed``, ``ambiguous``, ``spelling``, ``repeated``,
    or ``mismatch`` (a question and its answer, kind or attribute do not belong together).
    """

    sort: str
    detail: str


def check(statements: Iterable[Statement], record: AttributeRecord) -> list[Fault]:
    """The statements that the record contradicts, or cannot bear out because it has null there."""
    faults = []
    for said in statements:
        truth = holds(said, record)
        if truth is not True:
            faults.append(Fault("unsupported" if truth is None else "false", describe(said)))
    return faults


def holds(said: Statement, record: AttributeRecord) -> bool | None:
    """Whether a statement is true of a record; None where the record does not say."""
    if said.attribute == "they":
        truth: bool | None = record["gender"] is None
    elif said.attribute in EITHER:
        values = [record[name] for name in EITHER[said.attribute]]
        truth = True if True in values else None if None in values else False
    else:
        value = record[said.attribute]
        truth = None if value is None else value == said.value
        if truth is None:
            truth = record.to_json().get(label_of(said.attribute, said.value))  # type: ignore[assignment]
    return None if truth is None else truth == said.holds


def label_of(field: str, value: str | bool) -> str:
    """The label that stands for a value of a field, or the field itself where none does."""
    return next((x.name for x in TAXONOMY.labels.values() if (x.field, x.value) == (field, value)), field)


def describe(said: Statement) -> str:
    """A statement as a line of a report."""
    return f"{said.attribute} is {'' if said.holds else 'not '}{said.value}"


class ParsedCaption(NamedTuple):
    """The statements of a text, sentence by sentence, and what is wrong with its words."""

    sentences: tuple[frozenset[Statement], ...]
    faults: tuple[Fault, ...]

    @property
    def statements(self) -> frozenset[Statement]:
        """All that the text states."""
        return frozenset().union(*self.sentences)


def read_caption(text: str) -> ParsedCaption:
    """The statements of a caption."""
    faults = list(misspelt(text, "."))
    read: list[frozenset[Statement]] = []
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        items, wrong = read_as("sentence", sentence)
        faults += wrong
        read.append(frozenset(i for i in items if isinstance(i, Statement)))
    return ParsedCaption(tuple(read), tuple(faults))


def faults_of_caption(text: str, record: AttributeRecord) -> list[Fault]:
    """All that is wrong with a caption of a record."""
    reading = read_caption(text)
    return [*reading.faults, *check(reading.statements, record), *repeated(reading)]


def repeated(reading: ParsedCaption) -> Iterator[Fault]:
    """What more than one sentence of a caption states."""
    known: set[Statement] = set()
    for sentence in reading.sentences:
        told = {s for s in sentence if s.attribute not in SUPPOSED}
        yield from (Fault("repeated", describe(s)) for s in told & known)
        known |= told


@lru_cache(maxsize=200_000)
def read_as(rule: str, text: str) -> tuple[frozenset[Item], tuple[Fault, ...]]:
    """What a text states when it is read by one rule of the grammar."""
    readings, reached = GRAMMAR.read(rule, text)
    if not readings:
        words = text.split()
        return frozenset(), (Fault("unparsed", f"{text!r} as {rule}, about word {min(reached, len(words) - 1)}"),)
    if len(readings) > 1:
        return frozenset().union(*readings), (Fault("ambiguous", f"{text!r} has {len(readings)} readings"),)
    faults = [Fault("unparsed", f"{text!r}: {i!r} is said of nothing") for i in readings[0] if isinstance(i, str)]
    told = Counter(i for i in readings[0] if isinstance(i, Statement) and i.attribute not in SUPPOSED)
    faults += [Fault("repeated", f"{describe(s)} in {text!r}") for s, times in told.items() if times > 1]
    return frozenset(readings[0]), tuple(faults)


def misspelt(text: str, end: str) -> Iterator[Fault]:
    """Slips of the pen: spaces, doubled words, a or an, capitals, the mark at the end."""
    if not text.endswith(end) or text.endswith((end * 2, " " + end)):
        yield Fault("spelling", f"{text!r} does not end in {end!r}")
    if not text.isascii() or text != text.strip() or re.search(r"\s\s|\s[,.;:?]|[,.;:?][^\s]|[,;:]\s[,.;:?]", text):
        yield Fault("spelling", f"{text!r} has odd characters, spaces or marks")
    for word in re.findall(r"\b([\w'-]+) \1\b", text, re.IGNORECASE):
        yield Fault("spelling", f"{text!r} doubles {word!r}")
    for article, word in re.findall(r"\b(an?) (\w+)", text, re.IGNORECASE):
        if (article.lower() == "an") != (word[0].lower() in "aeiou"):
            yield Fault("spelling", f"{text!r} has {article} {word}")
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        if not sentence[:1].isupper():
            yield Fault("spelling", f"{sentence!r} does not start with a capital")
        for word in re.findall(r"(?<=.)\b[A-Z][\w'-]*", sentence):
            if word not in CAPITALS:
                yield Fault("spelling", f"{sentence!r} has a capital in {word!r}")
