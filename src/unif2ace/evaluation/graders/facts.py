"""The facts about a face that a grader receives."""

from __future__ import annotations

from unif2ace.attributes import AttributeRecord


def known_attributes(record: AttributeRecord) -> str:
    """The known attributes of a face, one per line, such as ``hair colour: black`` and ``hat: no``."""
    words = {True: "yes", False: "no"}
    return "\n".join(
        f"{name.replace('_', ' ')}: {words[value] if isinstance(value, bool) else value}"
        for name, value in record.to_json().items()
        if value is not None
    )
