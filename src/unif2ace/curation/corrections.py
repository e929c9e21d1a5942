"""Decides which statements of a caption a classifier contradicts or confirms, and which statements are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.curation.classifier import Seen
from unif2ace.errors import ConfigError
from unif2ace.language.facts import Value
from unif2ace.language.phrasebook import Statement
from unif2ace.language.reading import holds

Kind = Literal["contradicted", "confirmed", "unsure", "unseen", "added", "dependent"]
_ASKED_LEAST = 0.5


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Smallest calibrated probabilities at which a prediction takes effect, each in (0.5, 1].

    Attributes:
        contradict: A statement is changed if the classifier finds it false with at least this probability.
        confirm: A statement is confirmed if the classifier finds it true with at least this probability.
        add: A value that the caption does not state is added if it has at least this probability; None adds nothing.
        most_added: Maximum number of statements added to one caption, the most probable first; None for no limit.
    """

    contradict: float = 0.95
    confirm: float = 0.9
    add: float | None = 0.98
    most_added: int | None = 4

    def __post_init__(self) -> None:
        for name in ("contradict", "confirm", "add"):
            value = getattr(self, name)
            if value is not None and not _ASKED_LEAST < value <= 1:
                raise ConfigError(f"thresholds.{name}={value}: give a number above 0.5 and at most 1")
        if self.most_added is not None and self.most_added < 0:
            raise ConfigError(f"thresholds.most_added={self.most_added}: give an integer of at least 0, or null")


@dataclass(frozen=True, slots=True)
class Correction:
    """The decision about one value of a caption.

    Attributes:
        kind: ``contradicted``, ``confirmed`` or ``added``; ``unsure`` if the classifier is not confident; ``unseen``
            if the classifier does not predict the value; ``dependent`` if the statement was dropped because a field
            that it requires was contradicted.
        attribute: The field, or the label if the caption denied a label.
        before: Value that the caption stated; None for no statement.
        after: Value that the caption states after the correction; None for no statement.
        probability: The classifier's probability that the statement is false if `kind` is ``contradicted``, else that
            the statement is true; 0 for ``unseen``, 1 for ``dependent``.
        true: Whether the sample's labels support the decision: a contradicted statement is false by the labels, any
            other statement is true. None if the labels do not determine it.
    """

    kind: Kind
    attribute: str
    before: Value
    after: Value
    probability: float
    true: bool | None = None

    @property
    def why(self) -> str:
        """The reason in words."""
        if self.kind == "dependent":
            return f"the required {TAXONOMY.fields[self.attribute].requires} is absent"
        return f"the classifier gives {self.after} the probability {self.probability:.3f}"

    def to_json(self) -> dict[str, Any]:
        """The correction as plain JSON."""
        return {**asdict(self), "probability": round(self.probability, 4), "why": self.why}

    def to_row(self) -> list[Any]:
        """Kind, attribute and truth, for the journal; see `unif2ace.curation.correction_table`."""
        return [self.kind, self.attribute, self.true]


def find_corrections(
    statements: Sequence[Statement], seen: Seen, thresholds: Thresholds, truth: AttributeRecord | None = None
) -> list[Correction]:
    """Compares the statements of a caption with the predictions of a classifier.

    A statement stays unchanged if the classifier does not predict its field or is not confident.

    Args:
        statements: The statements of the caption, see `CaptionParser`.
        seen: The classifier's probabilities by field and value.
        thresholds: Smallest probabilities for a contradiction, a confirmation and an addition.
        truth: The sample's labels. They fill `Correction.true` and do not influence the decisions.
    """
    found = [_checked(statement, seen, thresholds, truth) for statement in statements]
    changed = {_field(c.attribute): c.after for c in found if c.kind == "contradicted"}
    for name, value in statements:
        required = TAXONOMY.fields[name].requires if name in TAXONOMY.fields else None
        if required in changed and changed[required] is not True:
            found = [c for c in found if (c.attribute, c.before) != (name, value)]
            found.append(Correction("dependent", name, value, None, 1.0))
    if thresholds.add is not None:
        stated = {_field(name) for name, _ in statements}
        absent = {name for name, value in {**dict(statements), **changed}.items() if value is False}
        more = [c for c in _additions(seen, thresholds.add, truth) if c.attribute not in stated]
        more = [c for c in more if _fits(c.attribute, seen, thresholds.add, absent)]
        found += more[: thresholds.most_added]
    return found


def _checked(statement: Statement, seen: Seen, thresholds: Thresholds, truth: AttributeRecord | None) -> Correction:
    name, value = statement
    denied = name not in TAXONOMY.fields
    field, said = (TAXONOMY.labels[name].field, TAXONOMY.labels[name].value) if denied else (name, value)
    values = seen.get(field, {})
    held = holds(statement, truth) if truth else None
    if said not in values:
        return Correction("unseen", name, value, value, 0.0, held)
    right = 1 - values[said] if denied else values[said]
    if right >= thresholds.confirm:
        return Correction("confirmed", name, value, value, right, held)
    if 1 - right < thresholds.contradict:
        return Correction("unsure", name, value, value, right, held)
    after: Value = said if denied else _instead(values, said, thresholds.contradict)
    return Correction("contradicted", name, value, after, 1 - right, None if held is None else not held)


def _instead(values: dict[Value, float], said: Value, at_least: float) -> Value:
    """The most probable other value if its probability is at least `at_least`, else None."""
    best = max((other for other in values if other != said), key=values.__getitem__, default=None)
    return best if best is not None and values[best] >= at_least else None


def _additions(seen: Seen, at_least: float, truth: AttributeRecord | None) -> list[Correction]:
    """Values other than False with a probability of at least `at_least`, the most probable first."""
    found: list[Correction] = []
    for name, values in seen.items():
        present = {value: p for value, p in values.items() if value is not False}
        best = max(present, key=present.__getitem__)
        if present[best] >= at_least:
            held = holds((name, best), truth) if truth else None
            found.append(Correction("added", name, None, best, present[best], held))
    return sorted(found, key=lambda c: (-c.probability, c.attribute))


def _fits(name: str, seen: Seen, at_least: float, absent: set[str]) -> bool:
    """Whether a field can be added: its required field is predicted with `at_least` and not denied by the caption."""
    required = TAXONOMY.fields[name].requires
    return not required or (required not in absent and seen.get(required, {}).get(True, 0.0) >= at_least)


def _field(name: str) -> str:
    return name if name in TAXONOMY.fields else TAXONOMY.labels[name].field
