"""Prompts as text files, with the attribute list filled in and a hash for the provenance."""

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

    The file has the lines ``[system]`` and ``[user]``, each followed by a text. ``$name`` is a slot. A part in double
    square brackets is left out where a slot in it is empty.

    Attributes:
        system: Instructions for every request, with slots.
        user: The request, with slots.
        hash: 16 hexadecimal digits over the file and the attribute list.
    """

    system: str
    user: str
    hash: str

    @classmethod
    def load(cls, place: str | Path | None, step: str, slots: tuple[str, ...]) -> Self:
        """Reads a prompt.

        Args:
            place: The file; None for the package's own of the step.
            step: Name of the step, also of the key in errors.
            slots: Slots that the step fills, besides ``attributes``.

        Raises:
            ConfigError: If the file does not exist, lacks a part, or has an unknown slot.
        """
        name = "the package's prompt" if place is None else f"prompt_file={place}"
        own = files(__package__).joinpath("prompts", f"{step}.txt")
        if place is not None and not Path(place).is_file():
            raise ConfigError(f"prompt_file={place}: no such file; null takes the package's own prompt of {step}")
        try:
            text = (own if place is None else Path(place)).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ConfigError(f"{name} is not text in UTF-8: save it as UTF-8") from None
        parts = re.split(r"^\[(system|user)\][ \t]*$", text, flags=re.MULTILINE)
        found = {key: words.strip() for key, words in zip(parts[1::2], parts[2::2], strict=True)}
        if parts[1::2] != ["system", "user"] or not all(found.values()):
            raise ConfigError(f"{name}: a line [system] with a text after it, then a line [user] with one, is needed")
        known = ("attributes", *slots)
        used = {m["named"] or m["braced"] for m in Template.pattern.finditer(text)} - {None}
        for slot in sorted(used - set(known)):
            raise ConfigError(f"{name}: unknown slot ${slot}{nearest(slot, known)} (known: {', '.join(known)})")
        digest = hashlib.sha256(f"{text}\0{attribute_list()}".encode()).hexdigest()[:_SHOWN]
        return cls(found["system"], found["user"], digest)

    def fill(self, **slots: str) -> tuple[str, str]:
        """The texts for the system and the user, with all slots filled."""
        values = {"attributes": attribute_list(), **slots}
        return _fill(self.system, values), _fill(self.user, values)


def attribute_list() -> str:
    """The taxonomy in words: a line for each group, with the values of each field."""
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
