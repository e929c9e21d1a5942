"""Messages name keys and commands that exist, so that a remedy can be typed as it is printed."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CONFIGS, SOURCE = ROOT / "configs", ROOT / "src" / "unif2ace"
KEY = re.compile(r"(?<![\w.{}+\"'/-])([a-z_]+(?:\.[a-z_]+)+)=")
OF_HYDRA = ("hydra.", "s.batch_size")  # Hydra's own keys; a %-format of a logged message
COMMAND = re.compile(r"(unif2ace-(?!faces)[a-z]+)((?: [^\s`'\"]+)*)")
APPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@cache
def _texts() -> list[tuple[str, str]]:
    """Every text of the code that is not a docstring, with its place; values that are filled in become {}."""
    return list(_each_text())


def _each_text() -> Iterator[tuple[str, str]]:
    for file in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        nodes = list(ast.walk(tree))
        bare = {id(n.value) for n in nodes if isinstance(n, ast.Expr)}
        inner = {id(v) for n in nodes if isinstance(n, ast.JoinedStr) for v in ast.walk(n) if v is not n}
        for node in nodes:
            if id(node) in bare or id(node) in inner:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
                yield f"{file.relative_to(ROOT)}:{node.lineno}", "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node.value


def _keys(node: Any, prefix: str) -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else ():
        yield f"{prefix}{key}"
        yield from _keys(value, f"{prefix}{key}.")


def _known() -> set[str]:
    """Every key of every configuration file, as it is typed."""
    found: set[str] = set()
    for file in CONFIGS.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        group = file.relative_to(CONFIGS).parent.as_posix().replace("/", ".")
        is_global = group == "." or "@package _global_" in text
        found.update(_keys(yaml.safe_load(text), "" if is_global else f"{group}."))
    return found


def test_keys_in_messages_exist():
    known = _known()
    used = [(place, found[1]) for place, text in _texts() for found in KEY.finditer(text)]
    assert len(used) > 80
    assert not [f"{place}: {key}=" for place, key in used if key not in known and not key.startswith(OF_HYDRA)]


def _named() -> list[tuple[str, str, str]]:
    return [(app, rest, place) for place, text in _texts() for app, rest in COMMAND.findall(text)]


def test_commands_in_messages_exist():
    used = _named()
    assert len(used) > 20
    for app, rest, place in used:
        assert app in APPS, f"{place}: {app}"
        module = importlib.import_module(APPS[app].partition(":")[0])
        verbs, words = getattr(module, "VERBS", None), rest.split()
        if verbs and words and words[0].isalpha() and words[0].islower():
            assert words[0] in verbs, f"{place}: {app} {words[0]}"


@pytest.mark.parametrize("text", ["set nothing.here=1", "data.num_workerz=0 is wrong"])
def test_a_key_that_does_not_exist_is_found(text: str):
    assert KEY.findall(text)
    assert KEY.findall(text)[0] not in _known()
