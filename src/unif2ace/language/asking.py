"""Finds the questions that an attribute record can answer, and writes them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.balance import answerable, choice_weight, yes_no_weight
from unif2ace.language.facts import Value, known_values
from unif2ace.language.grammar import Voice, listing, pick, sentence
from unif2ace.language.phrases import CHOICES, COUNTED, REASONS, WORDS, YES_NO
from unif2ace.language.phrases.wordings import WORDINGS
from unif2ace.language.question import Question
from unif2ace.language.question_forms import Reason
from unif2ace.language.question_frames import fitting, open_forms, subject, trained_forms, typed

_COUNT_NONE: Final = 0.35  # share of questions with the answer "none" that are kept
_NUMBERS: Final = ("none", "one", "two", "three", "four", "five", "six")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that `ask_questions` may select.

    Attributes:
        rank: Order of selection; the lowest rank is selected first.
        topic: At most one question per topic is selected.
        ask: Writes the question.
    """

    rank: float
    topic: str
    ask: Callable[[], Question]


class Asker:
    """Finds the questions about one face, and writes them.

    Args:
        record: Known attributes.
        rng: Chooses questions and phrasings.
        rates: Result of `balance.measure_rates` on the data set.
    """

    def __init__(self, record: AttributeRecord, rng: random.Random, rates: Mapping[str, float]) -> None:
        self._record, self._rng, self._rates = record, rng, rates
        self._known = known_values(record)
        self._pronoun = Voice(self._known, WORDS, rng, plural=self._known.get("gender") is None)

    def yes_no(self) -> Iterator[Candidate]:
        """Yes/no questions, kept with probability `yes_no_weight`. Their rank is uniform in [0, 1) for both answers."""
        for name, holds in answerable(self._record).items():
            draw, weight = self._rng.random(), yes_no_weight(self._rates, name, holds)
            if draw < weight:
                field = TAXONOMY.labels[name].field if name in TAXONOMY.labels else name
                yield Candidate(draw / weight, field, partial(self._ask_yes_no, name, field, holds))

    def what(self) -> Iterator[Candidate]:
        """Open questions about fields with several values, such as the hair color. Rare values are preferred."""
        for field, weight in self._choices():
            yield Candidate(self._rng.random() / weight, field, partial(self._ask_what, field))

    def which(self) -> Iterator[Candidate]:
        """Questions that offer a choice between values of a field: "Is the hair black or brown?"."""
        for field, weight in self._choices():
            yield Candidate(self._rng.random() / weight, field, partial(self._ask_which, field))

    def count(self) -> Iterator[Candidate]:
        """Counting questions, for groups with at least two known items."""
        for group, entry in COUNTED.items():
            holds = {item: _any_holds(self._known, fields) for item, fields in entry.items.items()}
            known = {item: value for item, value in holds.items() if value is not None}
            varied = any(0.0 < self._rates.get(field, 0.0) < 1.0 for item in known for field in entry.items[item])
            if len(known) > 1 and varied and (any(known.values()) or self._rng.random() < _COUNT_NONE):
                yield Candidate(self._rng.random(), f"count {group}", partial(self._ask_count, group, known))

    def reason(self) -> Iterator[Candidate]:
        """Questions that ask why, if the record holds visible evidence for the answer."""
        for entry in REASONS:
            if all(self._known.get(name) == value for name, value in entry.when.items()):
                strong = [clause for (name, value), clause in entry.evidence if self._known.get(name) == value]
                weak = [clause for (name, value), clause in entry.support if self._known.get(name) == value]
                if strong:
                    ask = partial(self._ask_reason, entry, strong + weak)
                    yield Candidate(self._rng.random(), f"why {entry.attribute}", ask)

    def _choices(self) -> Iterator[tuple[str, float]]:
        for field in CHOICES:
            if field in self._known and (weight := choice_weight(self._rates, field, self._known[field])):
                yield field, weight

    def _question(self, phrasings: Sequence[str], *, neutral: bool, field: str = "", **slots: str) -> str:
        """A question with a random subject and typing style. Neutral questions seldom reveal the gender, and questions
        about the gender never do.
        """
        voice = subject({} if field == "gender" else self._known, self._rng, neutral=neutral)
        return typed(self._fill(phrasings, voice, slots), self._rng)

    def _answer(self, phrasings: Sequence[str], lead: str = "", **slots: str) -> str:
        return sentence(lead + self._fill(phrasings, self._pronoun, slots))

    def _fill(self, phrasings: Sequence[str], voice: Voice, slots: Mapping[str, str]) -> str:
        text = pick(self._rng, phrasings)
        for slot, said in slots.items():
            text = text.replace(f"{{{slot}}}", said)
        return text.format_map(voice)

    def _ask_yes_no(self, name: str, field: str, holds: bool) -> Question:
        entry = YES_NO[name]
        broad = fitting(name, holds, self._known) and all(
            other in self._rates for wording in WORDINGS[name] for other in wording.covers
        )
        question = self._question(trained_forms(name, broad=broad), neutral=entry.neutral)
        no = entry.no + (entry.instead if field in self._known else ())
        answer = self._answer(entry.yes, "yes, ") if holds else self._answer(no, "no, ")
        return Question(question, answer, "yes_no", name)

    def _ask_what(self, field: str) -> Question:
        entry = CHOICES[field]
        question = self._question(open_forms(field), neutral=entry.neutral, field=field)
        answer = self._answer(entry.answers, value=entry.names[str(self._known[field])])
        return Question(question, answer, "what", field)

    def _ask_which(self, field: str) -> Question:
        entry, true = CHOICES[field], str(self._known[field])
        others = [value for value in entry.names if value != true]
        options = [true, *self._rng.sample(others, min(len(others), pick(self._rng, (1, 2, 2))))]
        self._rng.shuffle(options)
        said = listing([entry.names[value] for value in options], "or")
        question = self._question(entry.which, neutral=entry.neutral, field=field, options=said)
        return Question(question, self._answer(entry.answers, value=entry.names[true]), "which", field)

    def _ask_count(self, group: str, known: Mapping[str, bool]) -> Question:
        """Asks about all items of a group (with probability 0.4, if all are known), else about three or four items."""
        entry, rng = COUNTED[group], self._rng
        if entry.every and len(known) == len(entry.items) and rng.random() < 0.4:
            items = list(entry.items)
            question = self._question(entry.every, neutral=True)
        else:
            items = _some(known, rng)
            question = self._question(entry.some, neutral=True, items=listing(items))
        present = [item for item in items if known[item]]
        number = _NUMBERS[len(present)]
        if not present:
            return Question(question, self._answer(("none", "none of them")), "count", group)
        answers = (f"{number}: {listing(present)}", f"{number}, namely {listing(present)}")
        return Question(question, self._answer(answers), "count", group)

    def _ask_reason(self, entry: Reason, clauses: Sequence[str]) -> Question:
        evidence = listing(clauses[: pick(self._rng, (1, 2, 3))])
        question = self._question(entry.ask, neutral=False)
        return Question(question, self._answer(entry.answers, evidence=evidence), "reason", entry.attribute)


def _any_holds(known: Mapping[str, Value], fields: Sequence[str]) -> bool | None:
    """True if a field is true, None if no field is true but one is unknown, else False."""
    values = [known.get(field) for field in fields]
    return True if True in values else None if None in values else False


def _some(known: Mapping[str, bool], rng: random.Random) -> list[str]:
    """Three or four items, or all if there are fewer. Every possible number of present items is equally likely."""
    true, false = ([item for item, holds in known.items() if holds is value] for value in (True, False))
    size = min(len(known), pick(rng, (3, 4)))
    low, high = max(0, size - len(false)), min(size, len(true))
    number = low + int(rng.random() * (high - low + 1))
    items = [*rng.sample(true, number), *rng.sample(false, size - number)]
    rng.shuffle(items)
    return items
