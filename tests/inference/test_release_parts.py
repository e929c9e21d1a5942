"""The parts of a model are found after its runs were moved together."""

from __future__ import annotations

from pathlib import Path

import pytest

from unif2ace.inference.release import _moved_with


@pytest.mark.parametrize("recorded", ["logs/tokenizer", "/machine/of/before/logs/tokenizer"])
def test_a_part_is_found_from_any_folder_and_after_a_move(recorded: str, tmp_path: Path, monkeypatch):
    part, run = tmp_path / "logs" / "tokenizer", tmp_path / "logs" / "unified"
    part.mkdir(parents=True)
    run.mkdir()
    monkeypatch.chdir(run)
    assert _moved_with(run, Path(recorded)) == part
    assert _moved_with(run, Path("nowhere/else")) == Path("nowhere/else")
