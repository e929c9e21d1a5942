"""What the documents name exists: files, commands, keys, make targets."""

from __future__ import annotations

import importlib
import re
import shlex
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from unif2ace.engine import compose
from unif2ace.engine.config_comments import comments

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])


def _commands() -> list[tuple[str, str]]:
    """Command lines of the documents, and of the examples that `--help` shows."""
    primary = sorted((ROOT / "configs").glob("*.yaml"))
    found = [(file.name, example) for file in primary for example in comments(file.stem).examples]
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").replace("\\\n", "").splitlines():
            command = line.strip().split("#")[0].strip()
            if command.startswith("unif2ace-"):
                found.append((page.name, command))
    return found


@pytest.mark.parametrize(("page", "command"), _commands(), ids=lambda v: v)
def test_every_command_shown_composes(page: str, command: str):
    app, *words = shlex.split(command)
    if "VERB" in words:
        return
    assert any(e.name == app for e in entry_points(group="console_scripts")), f"{page}: {app} is no command"
    name = app.removeprefix("unif2ace-")
    module = importlib.import_module(f"unif2ace.commands.{name}")
    command = module.VERBS[words.pop(0)] if name in ("data", "checkpoint") else module.COMMAND
    if name == "evaluate":  # what the weights say
        scored = "unified" in words[0] or any(word.startswith(("evaluator=", "grader=")) for word in words)
        kind = "unified" if scored else "attributes" if "attributes" in words[0] else "tokenizer"
        words += [f"kind={kind}"]
    words = [w for w in words if not w.startswith("--plan")]
    line = command.syntax.split(command.syntax.overrides(words))
    _composes(command.syntax.config, *(_first_value(o) if "-m" in line.options else o for o in line.overrides))


def _first_value(override: str) -> str:
    """An override of a sweep with its first value."""
    parsed = OverridesParser.create().parse_override(override)
    if not parsed.is_sweep_override():
        return override
    first = parsed.value().start if parsed.is_interval_sweep() else next(parsed.sweep_string_iterator())
    return f"{parsed.get_key_element()}={first}"


@cache
def _composes(name: str, *overrides: str) -> None:
    compose(name, overrides)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_file_named_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for name in re.findall(r"`((?:src|configs|tests|benchmarks|notebooks|scripts|docs)/[\w./-]+)`", text):
        if "NAME" not in name and "AREA" not in name:
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, f"{page.name} names make targets {sorted(named - targets)}"
