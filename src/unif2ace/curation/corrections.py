"""Which statements of a caption a classifier contradicts or confirms, and what it adds."""

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
    """From which calibrated probability on a prediction counts; above 0.5, at most 1.

    Attributes:
        contradict: A statement is changed if the classifier gives its contrary at least this probability.
        confirm: A statement counts as confirmed from this probability on.
        add: What the caption does not state is added from this probability on; None adds nothing.
        most_added: Largest number of statements added to one caption, the most probable first; None for no limit.
    """

    contradict: float = 0.95
    confirm: float = 0.9
    add: float | None = 0.98
    most_added: int | None = 4

    def __post_init__(self) -> None:
        for name in ("contradict", "confirm", "add"):
            value = getattr(self, name)
            if value is not None and not _ASKED_LEAST < value <= 1:
                raise ConfigError(f"thresholds.{name}={value}: it must be above 0.5 and at most 1")
        if self.most_added is not None and self.most_added < 0:
            raise ConfigError(f"thresholds.most_added={self.most_added}: it must be at least 0, or null")


@dataclass(frozen=True, slots=True)
class Correction:
    """What was decided about one value.

    Attributes:
        kind: ``contradicted``, ``confirmed``, ``unsure`` or ``unseen`` (left as it is; the classifier is not
            confident, or does not know it), ``added``, or ``dependent``: dropped with the field that it requires.
        attribute: The field, or the label if the caption denied one.
        before: What the caption stated; None for nothing.
        after: What it states now; None for nothing.
        probability: The classifier's probability of what the decision rests on: that the statement is false
            (contradicted), or true.
        true: Whether the sample's own attributes agree: that a contradicted statement is false, any other true. None
            if they do not say.
    """

    kind: Kind
    attribute: str
    before: Value
    after: Value
    probability: float
    true: bool | None = None

    @property
    def why(self) -> str:
        """The reason, for people."""
        if self.kind == "dependent":
            return f"{TAXONOMY.fields[self.attribute].requires} is not there"
        return f"the classifier gives {self.after} {self.probability:.3f}"

    def to_json(self) -> dict[str, Any]:
        """The correction as plain JSON."""
        return {**asdict(self), "probability": round(self.probability, 4), "why": self.why}

    def to_row(self) -> list[Any]:
        """Kind, attribute and truth, for the journal; see `unif2ace.curation.correction_table`."""
        return [self.kind, self.attribute, self.true]


def find_corrections(
    statements: Sequence[Statement], seen: Seen, thresholds: Thresholds, truth: AttributeRecord | None = None
) -> list[Correction]:
    """Compares the statements of a caption with what a classifier sees.

    A field that the classifier does not know, or about which it is not confident, is left as it is.

    Args:
        statements: What the caption states, see `CaptionParser`.
        seen: The classifier's probabilities.
        thresholds: When a prediction counts.
        truth: The sample's own attributes; they decide nothing, and are only noted for `Correction.true`.
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
    """The confident value in place of one; None if there is none."""
    best = max((other for other in values if other != said), key=values.__getitem__, default=None)
    return best if best is not None and values[best] >= at_least else None


def _additions(seen: Seen, at_least: float, truth: AttributeRecord | None) -> list[Correction]:
    """Presences that the classifier is confident of, the most probable first."""
    found: list[Correction] = []
    for name, values in seen.items():
        present = {value: p for value, p in values.items() if value is not False}
        best = max(present, key=present.__getitem__)
        if present[best] >= at_least:
            held = holds((name, best), truth) if truth else None
            found.append(Correction("added", name, None, best, present[best], held))
    return sorted(found, key=lambda c: (-c.probability, c.attribute))


def _fits(name: str, seen: Seen, at_least: float, absent: set[str]) -> bool:
    """Whether a value can be added: what it requires is seen too, and not denied by the caption."""
    required = TAXONOMY.fields[name].requires
    return not required or (required not in absent and seen.get(required, {}).get(True, 0.0) >= at_least)


def _field(name: str) -> str:
    return name if name in TAXONOMY.fields else TAXONOMY.labels[name].field
