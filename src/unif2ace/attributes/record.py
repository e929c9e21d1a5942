"""The typed attribute record of one face; attributes that are not visible or not labelled are null."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from unif2ace.attributes.taxonomy import TAXONOMY
from unif2ace.errors import DataError, nearest

Value = str | bool | None


class AttributeRecord(Mapping[str, Value]):
    """Immutable mapping from every field of the taxonomy to its value; unknown values are null.

    A label may be stated directly while its field is null, e.g. ``{"black_hair": False}`` while ``hair_colour`` is
    null. This stores "not black" without guessing a colour. A label stated as true is stored as the value of its field.

    Args:
        values: Known fields and labels; all others are null.

    Raises:
        DataError: If a name is unknown, a value is not allowed for its field, a field has a value but its required
            field is not true, or a stated label contradicts its field.
    """

    __slots__ = ("_fields", "_stated")

    def __init__(self, values: Mapping[str, Value] | None = None, /, **more: Value) -> None:
        known = {**(values or {}), **more}
        for name, value in known.items():
            TAXONOMY.check(name, value)
        self._fields: dict[str, Value] = {name: known.get(name) for name in TAXONOMY.fields}
        self._stated = {n: bool(v) for n, v in known.items() if n not in TAXONOMY.fields and v is not None}
        for label in (TAXONOMY.labels[n] for n, stated in self._stated.items() if stated):
            if self._fields[label.field] is None:
                self._fields[label.field] = label.value
        self._check_together()

    def _check_together(self) -> None:
        for name, value in self._fields.items():
            required = TAXONOMY.fields[name].requires
            if value is not None and required and self._fields[required] is not True:
                got = self._fields[required]
                raise DataError(f"attribute {name!r} is {value!r}, so {required!r} must be true, but it is {got!r}")
        for name, stated in list(self._stated.items()):
            label = TAXONOMY.labels[name]
            value = self._fields[label.field]
            if value is None:
                continue
            if (value == label.value) != stated:
                raise DataError(f"attribute {name}={stated!r} contradicts {label.field}={value!r}; remove one")
            del self._stated[name]

    def __getitem__(self, name: str) -> Value:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AttributeRecord) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(frozenset(self.to_json().items()))

    def __repr__(self) -> str:
        return f"AttributeRecord({ {n: v for n, v in self.to_json().items() if v is not None} })"

    @property
    def labels(self) -> dict[str, bool | None]:
        """The 46 labels in the taxonomy's order; unknown labels are null."""
        out: dict[str, bool | None] = {}
        for name, label in TAXONOMY.labels.items():
            value = self._fields[label.field]
            out[name] = self._stated.get(name) if value is None else value == label.value
        return out

    def to_json(self) -> dict[str, Value]:
        """All fields, then directly stated labels; ``AttributeRecord(r.to_json()) == r``."""
        return {**self._fields, **self._stated}

    def hide(self, *names: str) -> AttributeRecord:
        """A copy in which the named fields, their labels, and fields that require them are null.

        Raises:
            DataError: If a name is not a field of the taxonomy.
        """
        if not names:
            return self
        for name in names:
            if name not in TAXONOMY.fields:
                raise DataError(f"cannot hide {name!r}: it is not a field of a record{nearest(name, TAXONOMY.fields)}")
        gone = {*names, *(f.name for f in TAXONOMY.fields.values() if f.requires in names)}
        return AttributeRecord({n: v for n, v in self.to_json().items() if _field(n) not in gone})

    def replace(self, **values: Value) -> AttributeRecord:
        """A copy with changed values; directly stated labels of a changed field are dropped."""
        kept = {n: v for n, v in self.to_json().items() if _field(n) == n or _field(n) not in values}
        return AttributeRecord({**kept, **values})


def _field(name: str) -> str:
    """The field of a field name or label name."""
    return name if name in TAXONOMY.fields else TAXONOMY.labels[name].field
