"""Every yaml is found by globbing: it composes, what it names can be built, and its name is its target's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from unif2ace.engine import compose, instantiate
from unif2ace.engine.words import SEVERAL
from unif2ace.errors import ConfigError

ROOT = Path(__file__).parents[1] / "configs"
COMMANDS = sorted(p.stem for p in ROOT.glob("*.yaml"))
GROUPS = sorted(p for p in ROOT.glob("*/**/*.yaml") if p.relative_to(ROOT).parts[0] not in ("base", "paths"))
"""All choices; frames and paths are part of every command."""

MISSING = {
    "folder": "{tmp}/folder",
    "path": "{tmp}/faces",
    "images": "{tmp}/faces",
    "license": "CC0-1.0",
    "weights": "{tmp}/weights",
    "base_url": "http://127.0.0.1:9/v1",
    "model": "name",
    "file": "{tmp}/replies.jsonl",
}
"""Values for keys that a person must give (`???`), by their last name."""


@pytest.fixture(autouse=True)
def _a_folder_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UNIF2ACE_ROOT", str(tmp_path))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes(command: str):
    config = compose(command)
    OmegaConf.to_container(config, resolve=True)


_MADE: set[str] = set()
"""Nodes that could be built in earlier tests: those of the defaults are part of nearly every configuration."""
_TAKEN: dict[str, tuple[str, str]] = {}
"""The command and experiment that took an earlier choice of each group, tried first."""


def _text(command: str) -> str:
    """A command's file, with those of its kinds."""
    kinds = sorted((ROOT / "kind").glob("*.yaml")) if command == "evaluate" else []
    return "\n".join(file.read_text() for file in (ROOT / f"{command}.yaml", *kinds))


def _composed(group: str, choice: str) -> DictConfig:
    """A command's configuration with the choice; the first command for which it is made."""
    pattern = re.compile(rf"^\s*- (override )?/?{group}(@\S+)?:", re.MULTILINE)
    hosts = [c for c in COMMANDS if pattern.search(_text(c))]
    assert hosts, f"no command has the group {group!r}: nobody can select {choice!r}"
    experiments = {  # by what reads it
        "train": ["", "experiment=tokenizer/synthetic", "experiment=unified/synthetic"],
        "evaluate": ["", "kind=unified"],
    }
    ways = [(host, word) for host in hosts for word in experiments.get(host, [""])]
    ways.sort(key=lambda way: way != _TAKEN.get(group))
    for host, word in ways:
        try:
            found = compose(host, [*filter(None, [word]), f"{group}={choice}"])
        except ConfigError:
            if (host, word) == ways[-1]:
                raise
        else:
            _TAKEN[group] = host, word
            return found
    raise AssertionError


def _selections() -> list[tuple[str, str]]:
    """Group and choices that are composed: all plain choices of a slot together, every other choice alone."""
    found: dict[str, list[str]] = {}
    for file in GROUPS:
        group, *rest = file.relative_to(ROOT).with_suffix("").parts
        plain = group in SEVERAL and list(yaml.safe_load(file.read_text()) or {}) == [file.stem]
        found.setdefault(group if plain else str(file), []).append("/".join(rest))
    groups = {key: key if key in SEVERAL else Path(key).relative_to(ROOT).parts[0] for key in found}
    return [(groups[k], f"[{','.join(v)}]" if k in SEVERAL else v[0]) for k, v in found.items()]


@pytest.mark.parametrize(("group", "choice"), _selections())
def test_every_choice_composes_and_its_targets_exist(group: str, choice: str, tmp_path: Path):
    config = _composed(group, choice)
    tree: Any = OmegaConf.to_container(config, resolve=True)
    (tree.get("optimizer") or {}).pop("groups", None)  # for the module, which builds parameter groups
    for node in _targets(tree):
        instantiable = {**_filled(node, tmp_path), "_partial_": True}
        text = repr(instantiable)
        if text in _MADE:
            continue
        try:
            instantiate(instantiable)
        except ConfigError as error:
            if "cannot run here" not in str(error):  # what a strategy says where its devices or package are missing
                raise
        _MADE.add(text)


OTHERWISE_NAMED = ("experiment", "debug", "callbacks", "run_callbacks", "logger", "caption_parser")


@pytest.mark.parametrize("file", GROUPS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_named_like_the_module_of_its_target(file: Path):
    tree = yaml.safe_load(file.read_text()) or {}
    tops = [tree, *(v for v in tree.values() if isinstance(v, dict))] if "_target_" not in tree else [tree]
    for node in tops:
        target = node.get("_target_", "")
        if target.startswith("unif2ace.") and file.parent.name not in OTHERWISE_NAMED:
            assert target.split(".")[-2] == file.stem, f"{file.name} builds {target}"


@pytest.mark.parametrize("group", ["dataset", "task", "loss", "callbacks", "run_callbacks", "metric", "visual_encoder"])
def test_a_slot_file_holds_one_key_named_like_itself(group: str):
    for file in (ROOT / group).glob("*.yaml"):
        tree = yaml.safe_load(file.read_text()) or {}
        if "defaults" not in tree and tree:
            assert list(tree) == [file.stem]


def _targets(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return ([node] if "_target_" in node else []) + [t for v in node.values() for t in _targets(v)]
    return [t for v in node for t in _targets(v)] if isinstance(node, list) else []


def _filled(node: Any, tmp: Path) -> Any:
    if isinstance(node, dict):
        return {k: MISSING[k].format(tmp=tmp) if v == "???" else _filled(v, tmp) for k, v in node.items()}
    return [_filled(v, tmp) for v in node] if isinstance(node, list) else node


def test_classifiers_learn_the_labels_and_where_features_are_what_counts_the_rest_too():
    counts = {name: len(_net_groups(name)) for name in ("synthetic", "evaluator", "quickstart", "synthetic_small")}
    assert counts == {"synthetic": 46, "evaluator": 46, "quickstart": 107, "synthetic_small": 107}


def _net_groups(experiment: str) -> list[str]:
    config = compose("train", [f"experiment=attributes/{experiment}"])
    return list(config.net.groups)
