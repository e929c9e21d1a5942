"""Parses the comments of a command's configuration file: usage, examples, keys and groups."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CONFIG_MODULE = "unif2ace_configs"
_KEY = re.compile(r"(?P<indent> {0,2})(?P<key>[A-Za-z_]\w*):(?: +(?P<value>.*?))??(?:\s+# (?P<comment>.*))?\s*")


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a configuration file.

    Attributes:
        name: Dotted name, such as ``trainer.max_steps``.
        value: The value as written; empty if a mapping or a list follows on the next lines.
        comment: The comment on the key's line.
    """

    name: str
    value: str
    comment: str


@dataclass(frozen=True, slots=True)
class Comments:
    """Contents of a primary configuration file.

    Attributes:
        header: The comment at the top of the file, without its example command lines.
        examples: The example command lines of the header.
        keys: Keys of the file and of its base file, by dotted name.
        groups: The default choice of each group: a name, a list of names, or None.
    """

    header: str
    examples: tuple[str, ...]
    keys: dict[str, Key]
    groups: dict[str, Any]


def folders() -> list[Path]:
    """Folders of the project's configuration files."""
    spec = importlib.util.find_spec(CONFIG_MODULE)
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []


def choices_of(group: str) -> list[str]:
    """The choices of a group, such as ``unified/synthetic`` for ``experiment``."""
    found = {p.relative_to(f / group) for f in folders() for p in (f / group).rglob("*.yaml")}
    return sorted(path.with_suffix("").as_posix() for path in found)


@cache
def comments(name: str) -> Comments:
    """Parses the comments of a configuration file and of its base file.

    Args:
        name: Path below the configuration folder without its suffix, such as ``train`` or ``kind/unified``.
    """
    text = next(p for f in folders() if (p := f / f"{name}.yaml").is_file()).read_text(encoding="utf-8")
    top = [line[1:] for line in text.partition("defaults:")[0].splitlines() if re.match(r"#(?! @)", line)]
    examples = tuple(line.strip() for line in top if line.startswith("   unif2ace-"))
    header = " ".join(line.strip() for line in top if not line.startswith("   unif2ace-"))
    keys: dict[str, Key] = {}
    groups: dict[str, Any] = {}
    for entry in (yaml.safe_load(text) or {}).get("defaults", ()):
        ((group, choice),) = entry.items() if isinstance(entry, dict) else ((entry, None),)
        if group in ("base", "/paths") or (isinstance(entry, str) and group.startswith("/")):  # another file as a whole
            base = comments(f"{group.strip('/')}/{choice}" if choice else group.strip("/"))
            keys, groups = {**base.keys, **keys}, {**base.groups, **groups}
        elif group != "_self_" and not group.startswith(("override", "optional")):
            groups[group.lstrip("/")] = choice
    found = _keys(text, "paths." if name.startswith("paths/") else "")
    return Comments(header, examples, {**found, **keys}, groups)


def known_names(name: str) -> set[str]:
    """Top-level keys and groups of a configuration. If it has the group ``kind``, those of every kind are included."""
    found = comments(name)
    kinds = [comments(f"kind/{kind}") for kind in choices_of("kind")] if "kind" in found.groups else []
    names = {key.partition(".")[0] for each in (found, *kinds) for key in (*each.keys, *each.groups)}
    return names | {"hydra", "module"}


def _keys(text: str, prefix: str) -> dict[str, Key]:
    keys: dict[str, Key] = {}
    above = ""
    for line in text.splitlines():
        found = _KEY.fullmatch(line)
        if found is None or len(found["indent"]) == 1:
            continue
        if not found["indent"]:
            above = found["key"]
        name = f"{above}.{found['key']}" if found["indent"] else above
        if above not in ("defaults", "hydra", "module", "callbacks"):
            keys[prefix + name] = Key(prefix + name, found["value"] or "", found["comment"] or "")
    return {n: k for n, k in keys.items() if k.comment or not any(o.startswith(f"{n}.") for o in keys)}
