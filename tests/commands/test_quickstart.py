"""The main job, made small: every stage, one page, nothing done twice."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from warm_process import run_warm

from unif2ace.commands import train
from unif2ace.commands.quickstart import train_once
from unif2ace.engine.weights import save_weights
from unif2ace.errors import ConfigError

SMALL = [
    "num_samples=160",
    "size=32",
    "steps.tokenizer=3",
    "steps.attributes=3",
    "steps.unified=3",
    "steps.evaluator=3",
]


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["-m", "unif2ace.commands.quickstart", *SMALL, *words]
    return run_warm(command, cwd=folder, env=os.environ | {"UNIF2ACE_ROOT": str(folder)}, timeout=280)


def test_the_stages_end_in_a_page_and_a_second_start_trains_nothing(tmp_path: Path):
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    out = tmp_path / "logs" / "quickstart"
    page = (out / "index.html").read_text()
    pictures = re.findall(r'src="([^"]+)"', page)
    assert len(pictures) == 9
    assert all((out / name).is_file() for name in pictures)
    scores = json.loads((out / "scores.json").read_text())
    assert scores["tokenizer"]["psnr"] > 5
    assert 0 < scores["attributes"]["average_precision"] < 1
    assert "agreement" in scores["unified"]
    weights = [out / name / "weights.safetensors" for name in ("attributes", "tokenizer", "unified", "evaluator")]
    before = [file.stat().st_mtime_ns for file in weights]
    again = _run(tmp_path)
    assert again.returncode == 0, again.stderr[-3000:]
    assert [file.stat().st_mtime_ns for file in weights] == before
    assert json.loads((out / "scores.json").read_text()) == scores


def test_a_folder_with_a_run_of_other_settings_is_refused(tmp_path: Path):
    config = OmegaConf.create({"run_dir": str(tmp_path), "ckpt": None, "optimizer": {"lr": 0.1}})
    OmegaConf.save(config, tmp_path / "config.yaml")
    config.optimizer.lr = 0.2
    with pytest.raises(ConfigError, match=r"another optimizer\.lr"):
        train_once(config)


@pytest.mark.parametrize(("steps", "goes_on"), [(2, True), (3, False)])
def test_a_stage_that_was_stopped_is_not_taken_for_a_finished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, goes_on: bool
):
    config = OmegaConf.create({"run_dir": str(tmp_path), "resume": None, "trainer": {"max_steps": 3}})
    OmegaConf.save(config, tmp_path / "config.yaml")
    state = {"weight": torch.zeros(1)}
    save_weights(tmp_path / "weights.safetensors", state, kind="tokenizer", config={}, provenance={"steps": steps})
    begun = []
    monkeypatch.setattr(train, "train", begun.append)
    train_once(config)
    assert bool(begun) == goes_on
    assert all(one.resume == "auto" for one in begun)
