"""A run's folder says what it ran under, and pages show what came of it."""

from __future__ import annotations

import json
from pathlib import Path

from omegaconf import OmegaConf

from unif2ace.engine import compose
from unif2ace.engine.report import Section, write_page
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


def test_a_page_shows_its_sections_and_escapes_text(tmp_path: Path):
    sections = [Section("A & B", "1 < 2", picture="p.png", code="make test")]
    page = write_page(tmp_path / "sub" / "index.html", "T<", sections).read_text()
    for part in ("A &amp; B", "1 &lt; 2", 'src="p.png"', "<pre>make test</pre>", "<title>T&lt;</title>"):
        assert part in page
