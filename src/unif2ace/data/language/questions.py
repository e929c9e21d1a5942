"""Questions and answers from an attribute record, of five kinds, balanced over their answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from unif2ace.data.attributes import TAXONOMY, AttributeRecord
from unif2ace.data.language.balance import answerable, choice_weight, expected_questions, yes_no_weight
from unif2ace.data.language.captions import VERSION
from unif2ace.data.language.facts import Value, known_values
from unif2ace.data.language.grammar import Voice, listing, pick, sentence
from unif2ace.data.language.phrases import CHOICES, COUNTED, REASONS, WORDS, YES_NO
from unif2ace.data.language.rates import PROCEDURAL_RATES

Kind = Literal["yes_no", "what", "which", "count", "reason"]

YES_NO_SHARE: Final = 0.3
"""Mean share of yes/no questions where other kinds can fill the rest."""
_PERSON: Final = {"they": "the person", "them": "the person", "their": "the person's", "person": "person"}
_NUMBERS: Final = ("none", "one", "two", "three", "four", "five", "six")


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one face, and its answer.

    Attributes:
        question: Ends with a question mark.
        answer: A phrase or sentence; for ``yes_no`` it begins with "Yes" or "No".
        kind: ``yes_no``, ``what`` (open), ``which`` (a closed choice), ``count`` or ``reason``.
        attribute: The label or field asked about; for ``count`` the group that is counted.
    """

    question: str
    answer: str
    kind: Kind
    attribute: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A question that may be asked; those of lower rank are asked first."""

    rank: float
    kind: Kind
    topic: str
    ask: Callable[[], Question]


def ask_questions(
    record: AttributeRecord, seed: int, count: int = 8, rates: Mapping[str, float] | None = None
) -> list[Question]:
    """Questions that the record answers.

    Whether a yes/no question is asked depends on nothing but its own label, so "yes" and "no" stay balanced for each
    label over a data set. The other kinds share the rest evenly.

    Args:
        record: What is known and visible; nothing else is asked about.
        seed: Chooses questions and phrasings; the same record, seed and rates give the same questions on any machine.
        count: How many. A record that knows too little for balanced questions gives fewer.
        rates: What `measure_rates` says of the data set; by default that of procedural faces. Labels without a rate,
            or with one answer only, are not asked about.
    """
    rates = PROCEDURAL_RATES if rates is None else rates
    asker = _Asker(known_values(record), random.Random(f"unif2ace/{VERSION}/questions/{seed}"))
    balanced = sorted(_yes_no(asker, record, rates), key=_rank)
    first = min(1.0, YES_NO_SHARE * count / max(expected_questions(rates), 1e-9))
    chosen = [c for c in balanced if c.rank < first][:count]
    topics = {c.topic for c in chosen}
    others = {kind: sorted(found(asker, rates), key=_rank) for kind, found in _OTHERS.items()}
    chosen += _share_out(others, count - len(chosen), topics, asker.rng)
    chosen += [c for c in balanced if c.rank >= first and c.topic not in topics][: count - len(chosen)]
    asker.rng.shuffle(chosen)
    asked = {question.question: question for question in (c.ask() for c in chosen)}
    return list(asked.values())


def _rank(candidate: _Candidate) -> float:
    return candidate.rank


def _share_out(
    others: Mapping[Kind, list[_Candidate]], count: int, topics: set[str], rng: random.Random
) -> list[_Candidate]:
    """Candidates of all kinds in turn, none on a topic that has been taken."""
    queues = {kind: iter(found) for kind, found in others.items()}
    turns = list(queues)
    rng.shuffle(turns)
    chosen: list[_Candidate] = []
    while turns and len(chosen) < count:
        kind = turns.pop(0)
        found = next((c for c in queues[kind] if c.topic not in topics), None)
        if found:
            chosen.append(found)
            topics.add(found.topic)
            turns.append(kind)
    return chosen


class _Asker:
    """Words questions about one person."""

    def __init__(self, known: Mapping[str, Value], rng: random.Random) -> None:
        self.known, self.rng = known, rng
        self.stranger = Voice(known, WORDS, rng, pronouns=_PERSON)
        self.pronoun = Voice(known, WORDS, rng, plural=known.get("gender") is None)

    def question(self, phrasings: Sequence[str], *, neutral: bool, **slots: str) -> str:
        """A question with its mark; a neutral one does not hint at the gender."""
        voice = self.stranger if neutral or self.rng.random() < 0.4 else self.pronoun
        return sentence(self._fill(phrasings, voice, slots)).removesuffix(".") + "?"

    def answer(self, phrasings: Sequence[str], lead: str = "", **slots: str) -> str:
        """An answer as a sentence."""
        return sentence(lead + self._fill(phrasings, self.pronoun, slots))

    def _fill(self, phrasings: Sequence[str], voice: Voice, slots: Mapping[str, str]) -> str:
        text = pick(self.rng, phrasings)
        for slot, said in slots.items():
            text = text.replace(f"{{{slot}}}", said)
        return text.format_map(voice)


def _yes_no(asker: _Asker, record: AttributeRecord, rates: Mapping[str, float]) -> Iterator[_Candidate]:
    """Labels that pass the balance; the rank of those that do is uniform in [0, 1), whatever the answer."""
    for name, holds in answerable(record).items():
        draw, weight = asker.rng.random(), yes_no_weight(rates, name, holds)
        if draw < weight:
            field = TAXONOMY.labels[name].field if name in TAXONOMY.labels else name
            yield _Candidate(draw / weight, "yes_no", field, lambda n=name, f=field, h=holds: _ask_yes_no(asker, n, f, h))


def _ask_yes_no(asker: _Asker, name: str, field: str, holds: bool) -> Question:
    entry = YES_NO[name]
    question = asker.question(entry.ask, neutral=entry.neutral)
    if holds:
        answer = asker.answer(entry.yes, "yes, ")
    else:
        answer = asker.answer(entry.no + (entry.instead if field in asker.known else ()), "no, ")
    return Question(question, answer, "yes_no", name)


def _choices(kind: Literal["what", "which"]) -> Callable[[_Asker, Mapping[str, float]], Iterator[_Candidate]]:
    def found(asker: _Asker, rates: Mapping[str, float]) -> Iterator[_Candidate]:
        for field in CHOICES:
            if field in asker.known and (weight := choice_weight(rates, field, asker.known[field])):
                ask = _ask_what if kind == "what" else _ask_which
                yield _Candidate(asker.rng.random() / weight, kind, field, lambda f=field, a=ask: a(asker, f))

    return found


def _ask_what(asker: _Asker, field: str) -> Question:
    entry = CHOICES[field]
    question = asker.question(entry.what, neutral=entry.neutral)
    return Question(question, asker.answer(entry.answers, value=entry.names[asker.known[field]]), "what", field)


def _ask_which(asker: _Asker, field: str) -> Question:
    entry, true = CHOICES[field], asker.known[field]
    others = [value for value in entry.names if value != true]
    options = [true, *asker.rng.sample(others, min(len(others), pick(asker.rng, (1, 2, 2))))]
    asker.rng.shuffle(options)
    said = listing([entry.names[value] for value in options], "or")
    question = asker.question(entry.which, neutral=entry.neutral, options=said)
    return Question(question, asker.answer(entry.answers, value=entry.names[true]), "which", field)


def _counts(asker: _Asker, rates: Mapping[str, float]) -> Iterator[_Candidate]:
    for group, entry in COUNTED.items():
        holds = {item: _holds(asker.known, fields) for item, fields in entry.items.items()}
        known = {item: bool(value) for item, value in holds.items() if value is not None}
        if len(known) > 1 and any(0.0 < rates.get(f, 0.0) < 1.0 for i in known for f in entry.items[i]):
            yield _Candidate(asker.rng.random(), "count", group, lambda g=group, k=known: _ask_count(asker, g, k))


def _holds(known: Mapping[str, Value], fields: Sequence[str]) -> Value:
    """Whether one of the fields is true; None if that is not known."""
    values = [known.get(field) for field in fields]
    return True if True in values else None if None in values else False


def _ask_count(asker: _Asker, group: str, known: Mapping[str, bool]) -> Question:
    """Asks about all things of a group if all are known, else or at times about some, so many of them true as chance has it."""
    entry, rng = COUNTED[group], asker.rng
    if entry.every and len(known) == len(entry.items) and rng.random() < 0.4:
        items, question = list(entry.items), asker.question(entry.every, neutral=True)
    else:
        true, false = ([item for item in known if known[item] is value] for value in (True, False))
        size = min(len(known), pick(rng, (3, 4)))
        low, high = max(0, size - len(false)), min(size, len(true))
        number = low + int(rng.random() * (high - low + 1))
        items = [*rng.sample(true, number), *rng.sample(false, size - number)]
        rng.shuffle(items)
        question = asker.question(entry.some, neutral=True, items=listing(items))
    present = [item for item in items if known[item]]
    number = _NUMBERS[len(present)]
    answers = (f"{number}: {listing(present)}", f"{number}, namely {listing(present)}") if present else ("none", "none of them")
    return Question(question, asker.answer(answers), "count", group)


def _reasons(asker: _Asker, rates: Mapping[str, float]) -> Iterator[_Candidate]:
    for entry in REASONS:
        if all(asker.known.get(name) == value for name, value in entry.when.items()):
            strong = [clause for (name, value), clause in entry.evidence if asker.known.get(name) == value]
            if strong:
                weak = [clause for (name, value), clause in entry.support if asker.known.get(name) == value]
                topic = f"why {entry.attribute}"
                clauses = (strong + weak)[: pick(asker.rng, (1, 2, 3))]
                yield _Candidate(
                    asker.rng.random(), "reason", topic, lambda e=entry, c=clauses: _ask_reason(asker, e.attribute, e.ask, e.answers, c)
                )


def _ask_reason(
    asker: _Asker, attribute: str, ask: Sequence[str], answers: Sequence[str], clauses: Sequence[str]
) -> Question:
    question = asker.question(ask, neutral=False)
    return Question(question, asker.answer(answers, evidence=listing(clauses)), "reason", attribute)


_OTHERS: Final[Mapping[Kind, Callable[[_Asker, Mapping[str, float]], Iterator[_Candidate]]]] = {
    "what": _choices("what"),
    "which": _choices("which"),
    "count": _counts,
    "reason": _reasons,
}
