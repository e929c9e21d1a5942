"""Balances questions by how often each answer is right over a data set.

If "no" were right four times in five, a constant "no" would score 80 %. A label that is true for a share p of the faces
on which it is visible is therefore asked about with probability min(1, (1 - p)/p) where it is true and min(1, p/(1 -
p)) where it is false. Both answers are then equally frequent, whatever else is asked about the same face.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.facts import Value
from unif2ace.language.phrases import CHOICES, YES_NO

YES_NO_SHARE: Final = 0.3
"""Mean share of yes/no questions where the other kinds can fill the rest."""
UNLABELLED: Final = tuple(name for name in YES_NO if name not in TAXONOMY.labels)
"""Boolean fields that questions ask about but that are not among the 46 labels."""


def answerable(record: AttributeRecord) -> dict[str, bool]:
    """The labels and boolean fields that questions ask about and the record answers."""
    values: dict[str, Value] = {**record.labels, **{name: record[name] for name in UNLABELLED}}
    return {name: value for name, value in values.items() if isinstance(value, bool) and name in YES_NO}


def measure_rates(records: Iterable[AttributeRecord]) -> dict[str, float]:
    """The rates that `ask_questions` balances with.

    Args:
        records: The faces of a data set, or a representative sample of them.

    Returns:
        For each label or boolean field, the share of faces with the value true among those where it is known; and under
        ``field=value`` the same for each value of a field with several values. Unknown fields have no entry.
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
    """The probability of asking about a label that makes "yes" and "no" equally frequent; 0 if one never occurs."""
    rate = rates.get(name, 0.0)
    if not 0.0 < rate < 1.0:
        return 0.0
    odds = (1 - rate) / rate
    return min(1.0, odds if holds else 1 / odds)


def yes_no_threshold(rates: Mapping[str, float], count: int) -> float:
    """The share of the admitted yes/no questions that is asked before any other kind.

    It depends on the data set and never on the face, because the attributes of a face determine the right answers. On
    average it gives `YES_NO_SHARE` of the questions, or more where there are few fields with several values.
    """
    admitted = sum(2 * min(rates[name], 1 - rates[name]) for name in YES_NO if name in rates)
    varied = len({name.split("=")[0] for name, share in rates.items() if "=" in name and 0.0 < share < 1.0})
    wanted = max(YES_NO_SHARE * count, count - (varied or len(CHOICES)))
    return min(1.0, wanted / admitted) if admitted else 0.0


def choice_weight(rates: Mapping[str, float], field: str, value: Value) -> float:
    """Priority of asking for the value of a field: lower for common values, 0 if the data set has no other value."""
    share = rates.get(f"{field}={value}")
    if share is None:
        return 1.0
    if share >= 1.0:
        return 0.0
    return min(1.0, 1 / (len(TAXONOMY.fields[field].choices) * share)) if share else 1.0
