"""The attribute taxonomy in `taxonomy.yaml`: fields of a record, and the 46 labels derived from the fields.

The paper (UniF²ace, arXiv 2503.08120, section 3) counts 46 attributes in the families appearance, action and emotion,
but does not list them. The list here is reconstructed from the paper's figures and from the labels of CelebV-HQ, one of
its sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import yaml

from unif2ace.errors import DataError, nearest


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the typed record.

    Attributes:
        name: Key in a record.
        group: Group of related fields, such as ``hair``; a classifier has one head per group.
        choices: Allowed values; empty for a boolean field.
        identity: Whether the value is the same in all images of a person.
        requires: Name of a boolean field that must be true if this field has a value; None if there is none.
    """

    name: str
    group: str
    choices: tuple[str, ...] = ()
    identity: bool = False
    requires: str | None = None

    @property
    def values(self) -> tuple[str | bool, ...]:
        """Allowed values other than null."""
        return self.choices or (True, False)


@dataclass(frozen=True, slots=True)
class Label:
    """A yes/no attribute (one of the 46, or a detail): true if the field `field` has the value `value`."""

    name: str
    family: str
    field: str
    value: str | bool


@dataclass(frozen=True)
class Taxonomy:
    """All fields and labels by name, in the order of `taxonomy.yaml`."""

    fields: Mapping[str, Field]
    labels: Mapping[str, Label]

    @classmethod
    def parse(cls, tree: Mapping[str, Any]) -> Taxonomy:
        """Parses the contents of a taxonomy file.

        Raises:
            DataError: If a label or `requires` refers to a missing field or a field of the wrong type, or a name is
                used twice.
        """
        fields = {n: Field(n, **{**s, "choices": tuple(s.get("choices", ()))}) for n, s in tree["fields"].items()}
        labels: dict[str, Label] = {}
        for family, names in tree["labels"].items():
            for name, spec in names.items():
                field, value = next(iter(spec["is"].items())) if spec else (name, True)
                if name in labels:
                    raise DataError(f"taxonomy.yaml: label {name!r} occurs twice; remove one")
                if field not in fields or value not in fields[field].values:
                    raise DataError(f"taxonomy.yaml: label {name!r} needs a field {field!r} with the value {value!r}")
                if name in fields and field != name:
                    raise DataError(f"taxonomy.yaml: label {name!r} has a field's name, but means {field!r}; rename it")
                labels[name] = Label(name, family, field, value)
        for f in fields.values():
            if f.requires and (f.requires not in fields or fields[f.requires].choices):
                raise DataError(f"taxonomy.yaml: field {f.name!r} requires {f.requires!r}, which is no boolean field")
        return cls(fields, labels)

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The families of labels: appearance, action, emotion."""
        return tuple(dict.fromkeys(label.family for label in self.labels.values()))

    @cached_property
    def details(self) -> dict[str, Label]:
        """Labels of all field values that none of the 46 labels covers, such as ``head_turn_left``."""
        told = {(label.field, label.value) for label in self.labels.values()}
        every = [(f, value) for f in self.fields.values() for value in f.choices or (True,)]
        rest = [(f, value) for f, value in every if (f.name, value) not in told]
        named = {f"{f.name}_{value}" if f.choices else f.name: (f.name, value) for f, value in rest}
        return {name: Label(name, "detail", field, value) for name, (field, value) in named.items()}

    @cached_property
    def groups(self) -> dict[str, tuple[Field, ...]]:
        """Fields by group."""
        names = dict.fromkeys(f.group for f in self.fields.values())
        return {g: tuple(f for f in self.fields.values() if f.group == g) for g in names}

    def check(self, name: str, value: object) -> None:
        """Checks one entry of a record.

        Raises:
            DataError: If the name is neither a field nor a label, or the value is not allowed.
        """
        field = self.fields.get(name)
        if field is None and name not in self.labels:
            known = [*self.fields, *self.labels]
            raise DataError(f"unknown attribute {name!r}; taxonomy.yaml lists them all{nearest(name, known)}")
        if value is None:
            return
        values = field.values if field else (True, False)
        if not any(value is v or (isinstance(v, str) and value == v) for v in values):
            allowed = ", ".join(map(repr, values))
            raise DataError(
                f"attribute {name!r} is {value!r}; it must be {allowed} or null{nearest(str(value), map(str, values))}"
            )


TAXONOMY = Taxonomy.parse(yaml.safe_load(files(__package__).joinpath("taxonomy.yaml").read_text(encoding="utf-8")))
