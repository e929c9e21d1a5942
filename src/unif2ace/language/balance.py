"""Balances yes/no questions so that "yes" and "no" are equally frequent over a data set.

Without balancing, a model that always answers "no" would score 80 % if 80 % of the answers are "no". Let p be the share
of faces with a true label among the faces where the label is known. The question is asked with probability
min(1, (1 - p)/p) if the label is true, and min(1, p/(1 - p)) if it is false. Both answers are then equally frequent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.facts import Value
from unif2ace.language.phrases import CHOICES, YES_NO

YES_NO_SHARE: Final = 0.3
"""Mean share of yes/no questions per face, if the other kinds provide enough questions for the rest."""
UNLABELLED: Final = tuple(name for name in YES_NO if name not in TAXONOMY.labels)
"""Boolean fields with yes/no questions that are not among the 46 labels."""


def answerable(record: AttributeRecord) -> dict[str, bool]:
    """Known values of a record, by name: the labels and boolean fields that have a yes/no question."""
    values: dict[str, Value] = {**record.labels, **{name: record[name] for name in UNLABELLED}}
    return {name: value for name, value in values.items() if isinstance(value, bool) and name in YES_NO}


def measure_rates(records: Iterable[AttributeRecord]) -> dict[str, float]:
    """Measures how frequent each answer is in a data set, for the balancing in `ask_questions`.

    Args:
        records: Attribute records of the data set, or of a representative sample.

    Returns:
        Shares in [0, 1], among the faces where the label or field is known. For a label or boolean field, the key is
        its name and the value is the share of faces where it is true. For other fields, the key is ``field=value`` and
        the value is the share of faces with this value. Fields that are never known have no key.
    """
    known: Counter[str] = Counter()
    true: Counter[str] = Counter()
    values: Counter[tuple[str, Value]] = Counter()
    for record in records:
        for name, holds in answerable(record).items():
            known[name] += 1
            true[name] += holds
        values.update((field, record[field]) for field in CHOICES if record[field] is not None)
    rates = {name: true[name] / known[name] for name in YES_NO if known[name]}
    for field in CHOICES:
        total = sum(values[field, value] for value in TAXONOMY.fields[field].choices)
        rates |= {f"{field}={v}": values[field, v] / total for v in TAXONOMY.fields[field].choices if total}
    return rates


def yes_no_weight(rates: Mapping[str, float], name: str, holds: bool) -> float:
    """Probability of asking about a label that makes "yes" and "no" equally frequent; 0 if one answer never occurs."""
    rate = rates.get(name, 0.0)
    if not 0.0 < rate < 1.0:
        return 0.0
    odds = (1 - rate) / rate
    return min(1.0, odds if holds else 1 / odds)


def yes_no_threshold(rates: Mapping[str, float], count: int) -> float:
    """Share of the balanced yes/no questions that are selected before any other kind of question.

    The share depends on the data set only: a share that depends on the face would unbalance the answers. On average
    `YES_NO_SHARE` of the questions are yes/no questions, or more if the data set has few fields with several values.
    """
    admitted = sum(2 * min(rates[name], 1 - rates[name]) for name in YES_NO if name in rates)
    varied = len({name.split("=")[0] for name, share in rates.items() if "=" in name and 0.0 < share < 1.0})
    wanted = max(YES_NO_SHARE * count, count - (varied or len(CHOICES)))
    return min(1.0, wanted / admitted) if admitted else 0.0


def choice_weight(rates: Mapping[str, float], field: str, value: Value) -> float:
    """Priority of a question about the value of a field: lower for common values, 0 if all faces have this value."""
    share = rates.get(f"{field}={value}")
    if share is None:
        return 1.0
    if share >= 1.0:
        return 0.0
    return min(1.0, 1 / (len(TAXONOMY.fields[field].choices) * share)) if share else 1.0
