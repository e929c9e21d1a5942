"""Parses the attributes of one picture from one cell: an object of values, or a list of true labels."""

from __future__ import annotations

from typing import Any

from unif2ace.attributes import TAXONOMY, AttributeMapping, AttributeRecord
from unif2ace.data.sources.cells import is_missing, parse_label
from unif2ace.errors import DataError


def parse_record(labels: Any, mapping: AttributeMapping | None) -> AttributeRecord:
    """The attribute record of a cell; an empty record for a missing value.

    Args:
        labels: An object of values by label, or a list of the true labels. With a mapping, labels that are not in the
            list are false.
        mapping: Maps the data set's labels to the taxonomy; None if the labels are names of the taxonomy.

    Raises:
        DataError: If a label is unknown, or a value is not allowed for its label.
    """
    if is_missing(labels):
        return AttributeRecord()
    if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
        return mapping.of_positive(labels) if mapping else AttributeRecord(dict.fromkeys(labels, True))
    if not isinstance(labels, dict):
        raise DataError(f"{str(labels)[:40]!r} is not valid: give a list of labels or an object of values")
    if mapping is None:
        return AttributeRecord({name: _value(name, value) for name, value in labels.items()})
    read = {name: value for name, value in labels.items() if not mapping.ignores(name)}
    return mapping({name: parse_label(value, mapping.choices(name)) for name, value in read.items()})


def _value(name: str, value: Any) -> Any:
    """Parses a value by its name in the taxonomy; `AttributeRecord` rejects unknown names later."""
    if name not in TAXONOMY.fields and name not in TAXONOMY.labels:
        return value
    return parse_label(value, TAXONOMY.fields[name].choices if name in TAXONOMY.fields else ())
