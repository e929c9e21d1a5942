"""Prompt files with slots, and their hash for the provenance of samples."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Self

from unif2ace.attributes import TAXONOMY
from unif2ace.errors import ConfigError, nearest

_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file.

    The file has the lines ``[system]`` and ``[user]``, each followed by a text. ``$name`` is a slot. A text in double
    square brackets is left out if a slot in it is empty.

    Attributes:
        system: The system message, with slots.
        user: The user message, with slots.
        hash: SHA-256 of the file and the attribute list, first 16 hexadecimal digits.
    """

    system: str
    user: str
    hash: str

    @classmethod
    def load(cls, place: str | Path | None, step: str, slots: tuple[str, ...]) -> Self:
        """Reads a prompt.

        Args:
            place: The file; None for the step's default prompt.
            step: Name of the step; it selects the default prompt.
            slots: Slots that the step fills, besides ``attributes``.

        Raises:
            ConfigError: If the file does not exist, is not UTF-8, lacks ``[system]`` or ``[user]``, or has an unknown
                slot.
        """
        name = f"the default prompt of {step}" if place is None else f"prompt_file={place}"
        own = files(__package__).joinpath("prompts", f"{step}.txt")
        if place is not None and not Path(place).is_file():
            raise ConfigError(f"prompt_file={place}: no such file; null takes the default prompt of {step}")
        try:
            text = (own if place is None else Path(place)).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ConfigError(f"{name}: the file is not UTF-8 text; save it as UTF-8") from None
        parts = re.split(r"^\[(system|user)\][ \t]*$", text, flags=re.MULTILINE)
        found = {key: words.strip() for key, words in zip(parts[1::2], parts[2::2], strict=True)}
        if parts[1::2] != ["system", "user"] or not all(found.values()):
            raise ConfigError(f"{name}: write a line [system], a text, a line [user] and another text, in this order")
        known = ("attributes", *slots)
        used = {m["named"] or m["braced"] for m in Template.pattern.finditer(text)} - {None}
        for slot in sorted(used - set(known)):
            raise ConfigError(f"{name}: unknown slot ${slot}{nearest(slot, known)} (known: {', '.join(known)})")
        digest = hashlib.sha256(f"{text}\0{attribute_list()}".encode()).hexdigest()[:_SHOWN]
        return cls(found["system"], found["user"], digest)

    def fill(self, **slots: str) -> tuple[str, str]:
        """The system message and the user message, with all slots filled."""
        values = {"attributes": attribute_list(), **slots}
        return _fill(self.system, values), _fill(self.user, values)


def attribute_list() -> str:
    """The taxonomy as text: one line for each group, with its fields and their choices."""
    lines = []
    for group, members in TAXONOMY.groups.items():
        fields = [f"{f.name} ({' / '.join(f.choices)})" if f.choices else f.name for f in members]
        lines.append(f"- {group.replace('_', ' ')}: {', '.join(fields)}")
    return "\n".join(lines)


def _fill(text: str, values: dict[str, str]) -> str:
    def part(found: re.Match[str]) -> str:
        slots = {m["named"] or m["braced"] for m in Template.pattern.finditer(found[1])} - {None}
        return found[1] if all(values.get(slot) for slot in slots) else ""

    return Template(_OPTIONAL.sub(part, text)).safe_substitute(values).strip()
