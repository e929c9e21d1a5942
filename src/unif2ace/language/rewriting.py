"""Changes the values that a caption states, and keeps the sentences without a changed value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.captions import state_all
from unif2ace.language.facts import Value
from unif2ace.language.phrasebook import Statement

Parse = Callable[[str], Sequence[Statement]]
_SENTENCES: Final = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A changed caption.

    Attributes:
        text: The caption.
        kept: Number of unchanged sentences.
        dropped: The replaced sentences.
    """

    text: str
    kept: int
    dropped: tuple[str, ...]


def rewrite(text: str, changes: Mapping[str, Value], parse: Parse, seed: int) -> Rewritten:
    """Rewrites a caption so that it states the changed values.

    Sentences that state a changed value are dropped. The grammar writes new sentences with their other statements and
    the new values. All other sentences are kept verbatim. If the first sentence or the gender changes, the grammar
    writes the whole caption again.

    Args:
        text: The caption.
        changes: New values by field, or by label for negated labels. None removes the statement.
        parse: Returns the statements of a text.
        seed: Chooses the phrasings.
    """
    sentences = [s for s in _SENTENCES.split(text.strip()) if s]
    stated = [dict(reversed([*parse(sentence)])) for sentence in sentences]
    gone = {_field(name) for name in changes}
    touched = [any(_field(name) in gone and name != "gender" for name in values) for values in stated]
    every = {name: value for values in reversed(stated) for name, value in values.items()}
    if "gender" in changes or not sentences or touched[0]:
        touched = [True] * len(sentences)
    whole = all(touched)
    open_ = {n: v for values, hit in zip(stated, touched, strict=True) if hit for n, v in values.items()}
    new = {name: value for name, value in changes.items() if value is not None}
    values = {name: value for name, value in open_.items() if _field(name) not in gone} | new
    if not whole:
        values |= {"gender": every.get("gender")}
    kept = [sentence for sentence, hit in zip(sentences, touched, strict=True) if not hit]
    written = state_all(AttributeRecord(consistent(values, every | new)), seed, opening=whole).text
    dropped = tuple(sentence for sentence, hit in zip(sentences, touched, strict=True) if hit)
    return Rewritten(" ".join([*kept, *([written] if written else [])]), len(kept), dropped)


def consistent(values: Mapping[str, Value], around: Mapping[str, Value] | None = None) -> dict[str, Value]:
    """Drops values that one record cannot hold together: a hat type without a hat, or a negated label with its field.

    Args:
        values: Values by field or label.
        around: Known values of the rest of the caption. They can satisfy the requirement of a field, such as "hat".
    """
    known = {**(around or {}), **values}
    out: dict[str, Value] = {}
    for name, value in values.items():
        if name in TAXONOMY.fields:
            required = TAXONOMY.fields[name].requires
            if required and value is not None:
                if known.get(required) is not True:
                    continue
                out[required] = True
            out[name] = value
    for name, value in values.items():
        if name not in TAXONOMY.fields and out.get(TAXONOMY.labels[name].field) is None and value is not True:
            out[name] = value
    return out


def _field(name: str) -> str:
    return name if name in TAXONOMY.fields else TAXONOMY.labels[name].field
