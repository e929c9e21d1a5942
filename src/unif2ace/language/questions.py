"""Generates questions and answers of five kinds from an attribute record, balanced over their answers."""

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
    """Questions that the record answers.

    Whether a yes/no question is asked depends only on its own label, so "yes" and "no" stay balanced for each label
    over a data set. The other kinds share the rest evenly. If they are too few, further yes/no questions are added,
    which are not balanced exactly.

    Args:
        record: Known and visible attributes; nothing else is asked about.
        seed: Chooses questions and phrasings; the same record, seed and rates give the same questions on any machine.
        count: Number of questions. Records with few attributes give fewer.
        rates: Result of `measure_rates` on the data set; by default the rates of synthetic faces. Labels without a
            rate, or with only one answer, are not asked about.
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
    """Candidates of each kind in turn, with new topics only; their topics are added to `topics`."""
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
