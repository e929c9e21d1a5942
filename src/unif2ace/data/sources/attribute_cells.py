"""Attributes of one picture in one cell: an object of values, or a list of the labels that are true."""

from __future__ import annotations

from typing import Any

from unif2ace.attributes import TAXONOMY, AttributeMapping, AttributeRecord
from unif2ace.data.sources.cells import is_missing, parse_label
from unif2ace.errors import DataError


def parse_record(labels: Any, mapping: AttributeMapping | None) -> AttributeRecord:
    """The record of a cell; an empty one for a missing cell.

    Args:
        labels: An object of values by label, or a list of the labels that are true. With a mapping, labels that are
            not in the list are false.
        mapping: Meaning of the labels; None if they are fields and labels of the taxonomy.

    Raises:
        DataError: If a label is unknown, or a value is not one of its words.
    """
    if is_missing(labels):
        return AttributeRecord()
    if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
        return mapping.of_positive(labels) if mapping else AttributeRecord(dict.fromkeys(labels, True))
    if not isinstance(labels, dict):
        raise DataError(f"{str(labels)[:40]!r} is not a list of names or an object")
    if mapping is None:
        return AttributeRecord({name: _value(name, value) for name, value in labels.items()})
    read = {name: value for name, value in labels.items() if not mapping.ignores(name)}
    return mapping({name: parse_label(value, mapping.choices(name)) for name, value in read.items()})


def _value(name: str, value: Any) -> Any:
    """A value of the taxonomy; an unknown name is refused by the record."""
    if name not in TAXONOMY.fields and name not in TAXONOMY.labels:
        return value
    return parse_label(value, TAXONOMY.fields[name].choices if name in TAXONOMY.fields else ())
