"""The main job, made small: every stage, one page, nothing done twice."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from warm_process import run_warm

from unif2ace.commands import train
from unif2ace.commands.quickstart import quickstart, train_once
from unif2ace.engine import compose
from unif2ace.engine.weights import save_weights
from unif2ace.errors import ConfigError

SMALL = {
    "package": ["num_samples=160", "steps.unified=3"],
    "from_scratch": [
        "from_scratch=true", "num_samples=160", "size=32", "steps.tokenizer=3", "steps.attributes=3",
        "steps.unified=3", "steps.evaluator=3",
    ],
}  # fmt: skip
TRAINED = {"package": ["unified"], "from_scratch": ["attributes", "tokenizer", "unified", "evaluator"]}


def _run(folder: Path, form: str) -> subprocess.CompletedProcess[str]:
    command = ["-m", "unif2ace.commands.quickstart", *SMALL[form]]
    return run_warm(command, cwd=folder, env=os.environ | {"UNIF2ACE_ROOT": str(folder)}, timeout=280)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Runs a form of the quickstart for the first time, once for all tests; its folder."""

    @cache
    def run(form: str) -> Path:
        folder = tmp_path_factory.mktemp(form)
        done = _run(folder, form)
        assert done.returncode == 0, done.stderr[-3000:]
        return folder

    return run


def _out(folder: Path, form: str) -> Path:
    return folder / "logs" / {"package": "quickstart"}.get(form, form)


def _trained(folder: Path, form: str) -> list[int]:
    return [(_out(folder, form) / name / "weights.safetensors").stat().st_mtime_ns for name in TRAINED[form]]


@pytest.mark.parametrize("form", ["package", pytest.param("from_scratch", marks=pytest.mark.slow)])
def test_the_stages_end_in_a_page(form: str, first: Callable[[str], Path]):
    folder = first(form)
    out = _out(folder, form)
    page = (out / "index.html").read_text()
    for title in ("Faces from words", "Words about faces", "Scores", "Experts", "Losses", "Noise levels", "Stages"):
        assert f"<h2>{title}</h2>" in page
    shown = {"package": ["faces.png"], "from_scratch": ["faces.png", "reconstructions.png", "attributes.png"]}[form]
    assert all(re.search(rf"<figcaption>[^<]*{name}</figcaption>", page) for name in ["scores.png", *shown])
    assert ">builtin</th>" in page
    assert "What to type next" in page
    assert "Not shown" not in page
    scores = json.loads((out / "scores.json").read_text())
    assert "agreement" in scores["unified"]
    assert scores.get("tokenizer", {"psnr": 6})["psnr"] > 5
    assert _trained(folder, form)


def test_a_second_start_trains_nothing(first: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch):
    form = "package"
    folder = first(form)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("UNIF2ACE_ROOT", str(folder))
    before, config = _trained(folder, form), compose("quickstart", [f"form={form}", *SMALL[form]])
    scores = (_out(folder, form) / "scores.json").read_text()
    config.stages = [stage for stage in config.stages if stage.command == "train"]
    assert len(config.stages) == len(before)
    quickstart(config)
    assert _trained(folder, form) == before
    assert (_out(folder, form) / "scores.json").read_text() == scores


@pytest.mark.slow
def test_a_second_start_of_all_stages_ends_alike(first: Callable[[str], Path]):
    form = "from_scratch"
    folder = first(form)
    scores = _out(folder, form) / "scores.json"
    before, found = _trained(folder, form), json.loads(scores.read_text())
    again = _run(folder, form)
    assert again.returncode == 0, again.stderr[-3000:]
    assert _trained(folder, form) == before
    assert json.loads(scores.read_text()) == found


def test_a_folder_with_a_run_of_other_settings_is_refused(tmp_path: Path):
    config = OmegaConf.create({"run_dir": str(tmp_path), "ckpt": None, "optimizer": {"lr": 0.1}})
    OmegaConf.save(config, tmp_path / "config.yaml")
    config.optimizer.lr = 0.2
    with pytest.raises(ConfigError, match=r"another value of optimizer\.lr"):
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
