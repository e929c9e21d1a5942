"""`unif2ace-checkpoint`: list, verify, convert."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from unif2ace.checkpoints.finding import STATE, step_name, verify
from unif2ace.checkpoints.reading import read
from unif2ace.checkpoints.single import save_single
from unif2ace.commands import checkpoint


def _save(run: Path, *steps: int) -> None:
    optimizer = {"state": {0: {"m": torch.ones(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    for step in steps:
        tree = {"global_step": step, "state_dict": {"net.a": torch.full((3,), float(step))}}
        tree |= {"optimizer_states": [optimizer], "parameter_names": [["net.a"]]}
        save_single(tree, run / "checkpoints" / step_name(step))


def _run(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)  # what another command has left
    monkeypatch.setattr(sys, "argv", ["unif2ace-checkpoint", *words])
    try:
        checkpoint.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_checkpoints_are_listed_and_checked(tmp_path: Path, monkeypatch, capsys):
    _save(tmp_path / "run", 5, 10)
    assert _run(monkeypatch, tmp_path, "list", "run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:3] for line in lines] == [["5", "single"], ["10", "single"]]
    assert _run(monkeypatch, tmp_path, "verify", "run") == 0
    file = tmp_path / "run" / "checkpoints" / step_name(5) / STATE
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 8
    file.write_bytes(data)
    capsys.readouterr()
    assert _run(monkeypatch, tmp_path, "verify", "run") == 1
    told = capsys.readouterr().out
    assert f"damaged: {Path('run/checkpoints') / step_name(5) / STATE} is damaged" in told
    assert "step 10: 1 files" in told
    assert _run(monkeypatch, tmp_path, "verify", f"run/checkpoints/{step_name(10)}") == 0


def test_a_checkpoint_is_converted_there_and_back(tmp_path: Path, monkeypatch, capsys):
    _save(tmp_path / "run", 5, 10)
    assert _run(monkeypatch, tmp_path, "convert", "run", "sharded") == 0
    assert verify(tmp_path / "sharded").kind == "sharded"
    assert _run(monkeypatch, tmp_path, "convert", "sharded", "single") == 0
    found, before = read(tmp_path / "single"), read(tmp_path / "run" / "checkpoints" / step_name(10))
    assert found.keys() == before.keys()
    torch.testing.assert_close(found["state_dict"], before["state_dict"], rtol=0, atol=0)
    torch.testing.assert_close(found["optimizer_states"], before["optimizer_states"], rtol=0, atol=0)
    assert capsys.readouterr().out.split() == ["sharded:", "sharded", "single:", "single"]
    assert _run(monkeypatch, tmp_path, "convert", "run", "single") == 1
    assert "exists already" in capsys.readouterr().err


def test_a_folder_without_checkpoints_is_an_error(tmp_path: Path, monkeypatch, capsys):
    for words in (["list", "."], ["verify", "."], ["convert", ".", "x"], ["list"]):
        assert _run(monkeypatch, tmp_path, *words) == 1
    assert "holds no checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["weights.safetensors", "nothing"])
def test_what_is_no_checkpoint_is_refused(source: str, tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "weights.safetensors").touch()
    assert _run(monkeypatch, tmp_path, "convert", source, "target") == 1
    assert "give a run folder" in capsys.readouterr().err
