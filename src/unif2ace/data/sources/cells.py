"""Parses cells of tables and entries of JSON files: missing values, labels, names and captions."""

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
"""Spellings of a missing value in spreadsheets, pandas and R; case is ignored."""
_WHOLE: Final = re.compile(r"(-?\d+)\.0+")


def is_missing(cell: object) -> bool:
    """Whether a cell is null, NaN, or a text in `MISSING`. The number 0 and ``false`` are values."""
    if isinstance(cell, str):
        return cell.strip().casefold() in MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def same_form(text: str) -> str:
    """Normalises a text to Unicode NFC, because file systems differ in the form of a name."""
    return unicodedata.normalize("NFC", text)


def parse_label(cell: object, choices: Sequence[str] = ()) -> Value:
    """Parses a label: true/false/yes/no/1/0/-1, one of `choices`, or None for a missing value.

    Args:
        cell: A text or a JSON value.
        choices: Allowed words in lower case, for a label that is not yes/no. A choice such as ``none`` is then a value,
            not a missing one.

    Raises:
        DataError: If the cell holds any other value.
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
    """Parses the name or number of a person; None for a missing value.

    Equal names become equal texts: 7, ``7`` and ``7.0`` are the same, and Unicode form and extra blanks are ignored.

    Raises:
        DataError: If the cell is neither a text nor a number.
    """
    if is_missing(cell):
        return None
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise DataError(f"{_shown(cell)} is not the name of a person: give a text or a number")
    name = same_form(" ".join(str(cell).split()))
    whole = _WHOLE.fullmatch(name)
    return whole[1] if whole else name


def parse_captions(cell: object) -> tuple[str, ...]:
    """Parses captions, a text or a list of texts; missing values are left out.

    Raises:
        DataError: If the cell has another type, or a text without letters, such as a number.
    """
    listed: list[Any] = cell if isinstance(cell, list) else [cell]
    captions = []
    for entry in listed:
        if is_missing(entry):
            continue
        if not isinstance(entry, str) or not any(letter.isalpha() for letter in entry):
            raise DataError(f"{_shown(entry)} is not a caption: give a text with letters, or a list of such texts")
        captions.append(entry.strip())
    return tuple(captions)


def _shown(cell: object) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else f"{text[:57]}..."


def from_json_text(cell: Any) -> Any:
    """Decodes a cell that holds an object or a list as JSON text; returns any other cell unchanged."""
    if isinstance(cell, str) and cell.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    return cell
