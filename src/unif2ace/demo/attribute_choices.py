"""The attributes that the demo offers as toggles, and the prompt that they write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from unif2ace.attributes import TAXONOMY
from unif2ace.errors import ConfigError, nearest
from unif2ace.language.facts import Value
from unif2ace.language.instructions import state_values

CHOICES: Final = ("gender", "age", "hair_colour", "hair_length", "hair_texture", "emotion")
"""Fields with several values that are offered."""
TOGGLES: Final = ("smile", "eyeglasses", "sunglasses", "beard", "moustache", "hat", "bangs", "earrings", "lipstick")
"""Boolean fields that are offered."""
_ANY: Final = "any"


def options(field: str) -> list[str]:
    """What can be chosen of a field, ``any`` first."""
    return [_ANY, *TAXONOMY.fields[field].choices]


def prompt_of(chosen: Mapping[str, str], toggled: Sequence[str], seed: int = 0) -> str:
    """A prompt that states the chosen attributes.

    Args:
        chosen: Value or ``any`` by field of `CHOICES`.
        toggled: Names of `TOGGLES` that are on.
        seed: Chooses the wording.

    Raises:
        ConfigError: If a name is not offered.
        DataError: If a value does not belong to its field.
    """
    offered = (*CHOICES, *TOGGLES)
    for name in (*chosen, *toggled):
        if name not in offered:
            raise ConfigError(f"there is no toggle {name!r}{nearest(name, offered)}")
    values: dict[str, Value] = {name: value for name, value in chosen.items() if value and value != _ANY}
    values |= dict.fromkeys(toggled, True)
    return state_values(values, seed)
