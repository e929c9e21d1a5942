"""The attributes that the demo page offers for selection, and the prompt for the selected ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from unif2ace.attributes import TAXONOMY
from unif2ace.errors import ConfigError, nearest
from unif2ace.language.facts import Value
from unif2ace.language.instructions import state_values

CHOICES: Final = ("gender", "age", "hair_colour", "hair_length", "hair_texture", "emotion")
"""Fields that the page offers as drop-down lists."""
TOGGLES: Final = ("smile", "eyeglasses", "sunglasses", "beard", "moustache", "hat", "bangs", "earrings", "lipstick")
"""Boolean fields that the page offers as check boxes."""
_ANY: Final = "any"


def options(field: str) -> list[str]:
    """The choices for a field: ``any``, then its values."""
    return [_ANY, *TAXONOMY.fields[field].choices]


def prompt_of(chosen: Mapping[str, str], toggled: Sequence[str], seed: int = 0) -> str:
    """Writes a prompt that states the selected attributes.

    Args:
        chosen: Selected value or ``any``, by field of `CHOICES`.
        toggled: Selected fields of `TOGGLES`.
        seed: Chooses the wording.

    Raises:
        ConfigError: If a field is in neither `CHOICES` nor `TOGGLES`.
        DataError: If a value does not belong to its field.
    """
    offered = (*CHOICES, *TOGGLES)
    for name in (*chosen, *toggled):
        if name not in offered:
            raise ConfigError(f"the demo offers no attribute {name!r}{nearest(name, offered)}")
    values: dict[str, Value] = {name: value for name, value in chosen.items() if value and value != _ANY}
    values |= dict.fromkeys(toggled, True)
    return state_values(values, seed)
