"""The meaning of a cell of a table or an entry of a JSON: nothing, an attribute's value, a name, or captions."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from unif2ace.attributes.mapping import same_word
from unif2ace.attributes.record import Value
from unif2ace.errors import DataError, nearest

TRUE: Final = frozenset({"true", "yes", "1", "1.0"})
FALSE: Final = frozenset({"false", "no", "0", "-1", "0.0", "-1.0"})
MISSING: Final = frozenset(
    {"", "null", "none", "nan", "-nan", "na", "n/a", "#n/a", "#na", "<na>", "nil", "nat", "undefined"}
)
"""Spellings of a missing value, as spreadsheets, pandas and R write them; case does not matter."""
_WHOLE: Final = re.compile(r"(-?\d+)\.0+")


def is_missing(cell: object) -> bool:
    """Whether a cell states nothing: null, NaN, or a text of `MISSING`. The number 0 and false are values."""
    if isinstance(cell, str):
        return cell.strip().casefold() in MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def same_form(text: str) -> str:
    """A text in Unicode's composed form: file systems and programs write one name in two forms."""
    return unicodedata.normalize("NFC", text)


def parse_label(cell: object, choices: Sequence[str] = ()) -> Value:
    """The value of a label: true/false/yes/no/1/0/-1, one of the choices, or null for a missing one.

    Args:
        cell: A text or a JSON value.
        choices: Words of a label that is not yes/no, in lower case. A choice such as ``none`` is a word, not missing.

    Raises:
        DataError: If it is not one of these.
    """
    word = same_word(str(cell))
    if choices and isinstance(cell, str | int | float):
        word = whole[1] if (whole := _WHOLE.fullmatch(word)) else word
        if word in choices:
            return word
    if is_missing(cell):
        return None
    if not choices and isinstance(cell, str | bool | int | float) and word in TRUE | FALSE:
        return word in TRUE
    allowed = tuple(choices) or ("true", "false", "yes", "no", "1", "0", "-1")
    raise DataError(f"{cell!r} is not one of {', '.join(allowed)} (or empty){nearest(word, allowed)}")


def parse_name(cell: object) -> str | None:
    """The name or number of a person; None for a missing one.

    One person has one name: 7, ``7`` and ``7.0`` are equal, and so are both Unicode forms of a name and its blanks.

    Raises:
        DataError: If it is neither a text nor a number.
    """
    if is_missing(cell):
        return None
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise DataError(f"{_shown(cell)} is not a name: a text or a number names a person")
    name = same_form(" ".join(str(cell).split()))
    whole = _WHOLE.fullmatch(name)
    return whole[1] if whole else name


def parse_captions(cell: object) -> tuple[str, ...]:
    """The captions of a cell, a text or a list of texts; missing ones are left out.

    Raises:
        DataError: If it is anything else, or a text without a letter, such as a number.
    """
    listed: list[Any] = cell if isinstance(cell, list) else [cell]
    captions = []
    for entry in listed:
        if is_missing(entry):
            continue
        if not isinstance(entry, str) or not any(letter.isalpha() for letter in entry):
            raise DataError(f"{_shown(entry)} is not a caption: it must be a text or a list of texts")
        captions.append(entry.strip())
    return tuple(captions)


def _shown(cell: object) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else f"{text[:57]}..."


def from_json_text(cell: Any) -> Any:
    """A cell, with an object or a list that was written as JSON text read; another text stays as it is."""
    if isinstance(cell, str) and cell.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    return cell
