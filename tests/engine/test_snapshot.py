"""A run's folder says what it ran under."""

from __future__ import annotations

import json
from pathlib import Path

from omegaconf import OmegaConf

from unif2ace.engine import compose
from unif2ace.engine.resolvers import world_size
from unif2ace.engine.snapshot import write_snapshot


def test_the_snapshot_composes_to_the_same_values(tmp_path: Path):
    config = compose("train", ["seed=7", f"run_dir={tmp_path}"])
    write_snapshot(config, tmp_path)
    again = OmegaConf.load(tmp_path / "config.yaml")
    assert OmegaConf.to_container(again) == OmegaConf.to_container(config, resolve=True)
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert environment["torch"]
    assert environment["unif2ace"]
    assert "argv" in environment


def test_world_size_counts_processes():
    assert world_size(1, 1) == 1
    assert world_size(4, 8) == 32
    assert world_size(2, "3") == 6
    assert world_size(1, [0, 2]) == 2
    assert world_size(1, "0,2,3") == 3
    assert world_size(1, "auto") >= 1
