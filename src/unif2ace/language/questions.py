"""Generates five kinds of questions with answers from an attribute record, with balanced answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from operator import attrgetter
from typing import Final

from unif2ace.attributes import AttributeRecord
from unif2ace.language.asking import Asker, Candidate
from unif2ace.language.balance import yes_no_threshold
from unif2ace.language.captions import VERSION
from unif2ace.language.question import Question
from unif2ace.language.rates import SYNTHETIC_RATES

_RANK: Final = attrgetter("rank")


def ask_questions(
    record: AttributeRecord, seed: int, count: int = 8, rates: Mapping[str, float] | None = None
) -> list[Question]:
    """Generates questions about a face, with the answers.

    Yes/no questions come first. Each is selected by its own label only, so "yes" and "no" are balanced for each label
    over a data set. The other four kinds share the remaining questions evenly. If there are too few of these, further
    yes/no questions are added, whose answers are not balanced exactly.

    Args:
        record: Known and visible attributes. No question is about an unknown attribute.
        seed: Chooses questions and phrasings; the same record, seed and rates give the same questions on any machine.
        count: Number of questions. Records with few attributes give fewer.
        rates: Result of `measure_rates` on the data set; by default `SYNTHETIC_RATES`. Labels whose rate is missing, 0
            or 1 get no questions.
    """
    rates = SYNTHETIC_RATES if rates is None else rates
    rng = random.Random(f"unif2ace/{VERSION}/questions/{seed}")
    asker = Asker(record, rng, rates)
    balanced = sorted(asker.yes_no(), key=_RANK)
    first = yes_no_threshold(rates, count)
    chosen = [c for c in balanced if c.rank < first][:count]
    topics = {c.topic for c in chosen}
    others = [sorted(found, key=_RANK) for found in (asker.what(), asker.which(), asker.count(), asker.reason())]
    rng.shuffle(others)
    chosen += _in_turn(others, count - len(chosen), topics)
    chosen += [c for c in balanced if c.rank >= first][: count - len(chosen)]
    rng.shuffle(chosen)
    return [c.ask() for c in chosen]


def _in_turn(kinds: list[list[Candidate]], count: int, topics: set[str]) -> list[Candidate]:
    """Selects candidates of each kind in turn, only with topics that are not in `topics`, and adds their topics."""
    turns = [iter(found) for found in kinds]
    chosen: list[Candidate] = []
    while turns and len(chosen) < count:
        turn = turns.pop(0)
        found = next((c for c in turn if c.topic not in topics), None)
        if found:
            chosen.append(found)
            topics.add(found.topic)
            turns.append(turn)
    return chosen
