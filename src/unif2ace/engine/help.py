"""Builds the ``--help`` text of a command from the comments in its configuration files."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable
from typing import Any

from unif2ace.engine.config_comments import Comments, Key, choices_of, comments
from unif2ace.engine.words import Syntax

OPTIONS = {
    "--cfg job": "print the configuration instead of running; add --resolve to resolve interpolations",
    "--info defaults": "print the configuration file of each group",
    "--config-dir DIR": "an additional folder of configuration files",
    "--": "all words after -- are positional arguments, even if they begin with - or contain =",
}


def help_text(syntax: Syntax, kinds: Iterable[str] = (), options: dict[str, str] | None = None) -> str:
    """The help of a command: usage, purpose, keys, groups, options and examples.

    Args:
        syntax: The command.
        kinds: Kinds of networks whose keys are also listed.
        options: Help of the command's own options, by name.
    """
    found = comments(syntax.config)
    parts = [f"{syntax.usage} [key=value ...]", _wrapped(purpose(found)), *_sections(found, "Keys:")]
    for kind in kinds:
        of_kind = comments(f"kind/{kind}")
        parts += [f"For weights of kind {kind}: {purpose(of_kind)}", *_sections(of_kind, "Keys:")]
    listed = {**(options or {}), **OPTIONS}
    parts.append("Options:\n" + "\n".join(_row(name, text) for name, text in listed.items()))
    if found.examples:
        parts.append("Examples:\n" + "\n".join(f"  {example}" for example in found.examples))
    return "\n\n".join(parts) + "\n"


def purpose(found: Comments) -> str:
    """The header of a configuration file without a leading ``unif2ace-COMMAND:``."""
    text = re.sub(r"^unif2ace-[^:]*: ", "", found.header)
    return text[:1].upper() + text[1:]


def experiments() -> str:
    """All experiments of the project with their purpose, one per line."""
    return "\n".join(
        _row(f"experiment={name}", _first(comments(f"experiment/{name}"))) for name in choices_of("experiment")
    )


def _first(found: Comments) -> str:
    return re.split(r"(?<=[\w)])\.(?: (?=[A-Z])|$)", purpose(found))[0]


def _sections(found: Comments, title: str) -> list[str]:
    keys = [key for name, key in found.keys.items() if name not in found.groups]
    parts = [title + "\n" + "\n".join(_row(_assignment(key), key.comment) for key in keys)] if keys else []
    groups = {name: choice for name, choice in found.groups.items() if choices_of(name)}
    if groups:
        rows = [_row(f"{name}={_written(choice)}", ", ".join(choices_of(name))) for name, choice in groups.items()]
        parts.append("Groups, with their options:\n" + "\n".join(rows))
    return parts


def _assignment(key: Key) -> str:
    return f"{key.name}={'...' if key.value in ('???', '') else key.value}"


def _written(choice: Any) -> str:
    return f"[{','.join(choice)}]" if isinstance(choice, list) else str(choice or "null")


def _row(name: str, text: str) -> str:
    width = _width()
    if len(name) > 26:
        return f"  {name}\n" + textwrap.fill(text, width, initial_indent=" " * 30, subsequent_indent=" " * 30)
    return (
        textwrap.fill(text, width, initial_indent=f"  {name:<28}", subsequent_indent=" " * 30) if text else f"  {name}"
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _width())


def _width() -> int:
    return max(70, min(shutil.get_terminal_size((100, 40)).columns, 120))
