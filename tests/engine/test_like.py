"""``like=RUN`` takes the settings of an earlier run, and every run says what it was composed from."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest
from omegaconf import DictConfig

from unif2ace.commands import train
from unif2ace.engine import compose
from unif2ace.engine.like import like_run
from unif2ace.engine.overrides import FILE, overrides_of, write_overrides
from unif2ace.errors import ConfigError

FIRST = ["experiment=attributes/synthetic", "loss=[attributes]", "run_dir=logs/one", "resume=auto", "seed=3",
         "trainer.max_steps=7", "dataset.synthetic.num_samples=60", "callbacks=[ema]",
         "callbacks.ema.decay=0.7", "name='its, ${seed}'", "+trainer.barebones=true"]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("logs/one")
    folder.mkdir(parents=True)
    write_overrides(_first(), folder)
    return folder


@cache
def _first() -> DictConfig:
    return compose("train", FIRST)


def test_the_earlier_settings_are_taken_and_the_typed_ones_win(run: Path):
    like = compose("train", [f"like={run}", "trainer.max_steps=10", "optimizer.lr=0.5"])
    typed = [o for o in FIRST if not o.startswith(("run_dir", "resume", "trainer.max_steps"))]
    same = compose("train", [*typed, "trainer.max_steps=10", "optimizer.lr=0.5", f"like={run}"])
    assert like == same
    assert (like.seed, like.trainer.max_steps, like.callbacks.ema.decay, like.resume) == (3, 10, 0.7, None)
    assert Path(like.run_dir) != run
    second = run.parent / "two"
    second.mkdir()
    write_overrides(like, second)
    assert compose("train", [f"like={second}"]).trainer.max_steps == 10, "a run of a run"


def test_groups_are_chosen_anew(run: Path):
    words = ["experiment=tokenizer/synthetic", "loss=[reconstruction]", "callbacks=[ema]"]
    like = compose("train", [f"like={run}", *words])
    assert (list(like.callbacks), list(like.loss), like.seed) == (["ema"], ["reconstruction"], 3)


def test_the_command_takes_it_before_the_work(run: Path, monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(sys, "argv", ["unif2ace-train", f"like={run}", "seed=4", "run_dir=logs/new"])
    monkeypatch.setattr(train, "_train", lambda config: seen.append((config.seed, config.trainer.max_steps)))
    train.main()
    assert seen == [(4, 7)]


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["like=logs/onne"], "this folder does not exist .did you mean 'one'"),
        (["like=logs"], "has no .hydra/overrides.yaml"),
        (["like=logs/one", "like=logs/two"], "only one like=RUN is possible"),
    ],
)
def test_a_run_that_says_nothing_is_refused(words: list[str], match: str, run: Path):
    with pytest.raises(ConfigError, match=match):
        like_run(words)


def test_like_in_a_file_is_refused(run: Path, tmp_path: Path):
    (tmp_path / "more" / "experiment").mkdir(parents=True)
    (tmp_path / "more" / "experiment" / "mine.yaml").write_text(f"# @package _global_\nlike: {run}\n")
    config = compose("train", ["experiment=mine"], config_dir=tmp_path / "more")
    with pytest.raises(ConfigError, match=r"set in a file, where it has no effect"):
        train.train(config)


def test_a_configuration_knows_what_it_was_composed_from():
    assert overrides_of(compose("train", ["seed=3", "+trainer.barebones=false"])) == [
        "seed=3",
        "+trainer.barebones=false",
    ]
    assert Path(".hydra/overrides.yaml") == FILE  # Hydra's own name
