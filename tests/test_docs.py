"""What the documents name exists: files, commands, keys, make targets."""

from __future__ import annotations

import importlib
import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from unif2ace.commands import checkpoint
from unif2ace.commands.data import VERBS
from unif2ace.engine import compose

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])


def _commands() -> list[tuple[str, str]]:
    found = []
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
    if name in ("data", "checkpoint"):
        verbs = VERBS if name == "data" else checkpoint.VERBS
        verb = verbs[words.pop(0)]
        name = verb.config
        if words and "=" not in words[0]:
            words[0] = f"{verb.positional}={words[0]}"
    if name == "evaluate":  # what the weights say
        scored = any(word.startswith("evaluator=") for word in words)
        kind = "unified" if scored else "attributes" if "attributes" in words[0] else "tokenizer"
        words = [f"ckpt={words[0]}", *words[1:], f"kind={kind}"]
    if name in ("generate", "caption", "ask", "release"):
        words = importlib.import_module(f"unif2ace.commands.{name}").arguments(words)
    overrides = [w for w in words if not w.startswith("-") and w not in ("job",)]
    single = [re.sub(r"=(\w+),[\w,]+$", r"=\1", o) for o in overrides]
    compose(name, single)


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
