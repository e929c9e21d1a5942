"""A run's folder says what it ran under."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from unif2ace.engine import compose
from unif2ace.engine.overrides import read_overrides
from unif2ace.engine.resolvers import world_size
from unif2ace.engine.snapshot import typed_command, write_snapshot
from unif2ace.engine.words import quoted


def test_the_snapshot_composes_to_the_same_values(tmp_path: Path):
    config = compose("train", ["seed=7", f"run_dir={tmp_path}"])
    write_snapshot(config, tmp_path)
    again = OmegaConf.load(tmp_path / "config.yaml")
    assert OmegaConf.to_container(again) == OmegaConf.to_container(config, resolve=True)
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert environment["torch"]
    assert environment["unif2ace"]
    assert "argv" in environment
    assert environment["command"] == typed_command()
    assert read_overrides(tmp_path) == ["seed=7", f"run_dir={quoted(str(tmp_path))}"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["python3", "/x/bin/unif2ace-train", "seed=1,2", "-m", "name=a b"], "unif2ace-train seed=1,2 -m 'name=a b'"),
        (["python", "-m", "unif2ace.commands.train", "loss=[ar]"], "python -m unif2ace.commands.train 'loss=[ar]'"),
    ],
)
def test_the_command_is_as_typed(words: list[str], command: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "orig_argv", words)
    monkeypatch.setattr(sys, "argv", ["changed by a command"])
    assert typed_command() == command


def test_world_size_counts_processes():
    assert world_size(1, 1) == 1
    assert world_size(4, 8) == 32
    assert world_size(2, "3") == 6
    assert world_size(1, [0, 2]) == 2
    assert world_size(1, "0,2,3") == 3
    assert world_size(1, "auto") >= 1
