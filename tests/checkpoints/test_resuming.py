"""Which checkpoint a run goes on from, and which changes of its configuration it refuses, tells or passes over."""

from __future__ import annotations

import copy
import logging
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from unif2ace.checkpoints.finding import STATE, step_name
from unif2ace.checkpoints.single import save_single
from unif2ace.engine import compose
from unif2ace.engine.checkpoint_reading import CONFIG, FORMAT, RECORD
from unif2ace.engine.resuming import Start, changes, changes_that_matter, check_sources, find_start
from unif2ace.errors import ConfigError, DataError


@cache
def _composed(*words: str) -> DictConfig:
    return compose("train", list(words))


def _config(run: Path, *words: str) -> DictConfig:
    """Composed with the words; the run's place, and what it goes on from, are set afterwards."""
    config = copy.deepcopy(_composed(*(word for word in words if not word.startswith("resume"))))
    resume = dict(word.split("=", 1) for word in words if word.startswith("resume"))
    config.paths.root, config.run_dir = str(run.parent), str(run)
    config.resume, config.resume_changes = resume.get("resume"), resume.get("resume_changes") == "true"
    return config


def _save(run: Path, *steps: int, config: DictConfig | None = None) -> None:
    plain = OmegaConf.to_container(_config(run) if config is None else config, resolve=True)
    for step in steps:
        tree = {"global_step": step, "state_dict": {"net.a": torch.zeros(2)}, RECORD: {"format": FORMAT, CONFIG: plain}}
        save_single(tree, run / "checkpoints" / step_name(step))


def test_auto_takes_the_newest_valid_one_or_starts_from_the_beginning(tmp_path: Path, caplog):
    run = tmp_path / "run"
    with caplog.at_level(logging.INFO):
        assert find_start(_config(run, "resume=auto")) == Start()
    assert f"no checkpoint in {run}, starting from the beginning" in caplog.text
    _save(run, 5, 10)
    assert find_start(_config(run, "resume=auto")).path == run / "checkpoints" / step_name(10)
    (run / "checkpoints" / step_name(10) / STATE).write_bytes(b"")
    assert find_start(_config(run, "resume=auto")).path == run / "checkpoints" / step_name(5)


def test_a_folder_with_checkpoints_is_not_started_over_nor_from_an_older_one(tmp_path: Path):
    run = tmp_path / "run"
    _save(run, 5, 10)
    for words in ([], [f"resume={run}/checkpoints/{step_name(5)}"]):
        with pytest.raises(ConfigError, match=r"already holds checkpoints up to step-00000010.*resume=auto"):
            find_start(_config(run, *words))
    assert find_start(_config(run, f"resume={run}")).path.name == step_name(10)


def test_a_path_may_be_a_run_a_checkpoint_or_an_old_file_and_a_new_run_may_go_on_from_it(tmp_path: Path):
    run, other = tmp_path / "run", tmp_path / "other"
    _save(run, 5, 10)
    torch.save({"global_step": 3}, tmp_path / "last.ckpt")
    for path, name in (
        (run, step_name(10)),
        (run / "checkpoints", step_name(10)),
        (run / "checkpoints" / step_name(5), step_name(5)),
        (tmp_path / "last.ckpt", "last.ckpt"),
    ):
        assert find_start(_config(other, f"resume={path}")).path.name == name
    old = tmp_path / "old" / "checkpoints"
    old.mkdir(parents=True)
    torch.save({"global_step": 3}, old / "last.ckpt")
    assert find_start(_config(other, f"resume={old.parent}")).path == old / "last.ckpt"


def test_paths_without_a_valid_checkpoint_are_errors(tmp_path: Path):
    run, other = tmp_path / "run", tmp_path / "other"
    _save(run, 5)
    with pytest.raises(ConfigError, match=r"does not exist .did you mean 'run'\?"):
        find_start(_config(other, f"resume={tmp_path}/rum"))
    with pytest.raises(ConfigError, match="has no valid checkpoint"):
        find_start(_config(other, f"resume={tmp_path}"))
    (run / "checkpoints" / step_name(5) / STATE).unlink()
    with pytest.raises(DataError, match=f"lacks {STATE}"):
        find_start(_config(other, f"resume={run}/checkpoints/{step_name(5)}"))


@pytest.mark.parametrize(("max_steps", "finished"), [(9, True), (10, True), (11, False), (-1, False)])
def test_a_finished_run_is_known(tmp_path: Path, max_steps: int, finished: bool):
    run = tmp_path / "run"
    _save(run, 10, config=_config(run, "lr_scheduler=none"))
    words = ["lr_scheduler=none", "resume=auto", f"trainer.max_steps={max_steps}"]
    assert find_start(_config(run, *words)).finished == finished


@pytest.mark.parametrize("word", ["trainer.max_steps=1500", "trainer.max_steps=4000", "trainer.max_epochs=3"])
@pytest.mark.parametrize("scheduler", ["cosine", "one_cycle"])
def test_a_length_that_the_learning_rate_follows_is_a_change(tmp_path: Path, caplog, scheduler: str, word: str):
    run, words = tmp_path / "run", [f"lr_scheduler={scheduler}", word, "resume=auto"]
    _save(run, 5, config=_config(run, words[0]))
    key = word.partition("=")[0]
    if scheduler == "one_cycle" and word.endswith("4000"):
        for more in ([], ["resume_changes=true"]):
            with pytest.raises(ConfigError, match=r"cannot continue beyond its old end \(trainer\.max_steps: 2000 -> "):
                find_start(_config(run, *words, *more))
        return
    curve = "the new schedule" if scheduler == "cosine" else "the old schedule, cut short"
    with pytest.raises(ConfigError, match=rf"{key}: -?\d+ -> \d+ \(.*resume_changes=true continues with {curve}"):
        find_start(_config(run, *words))
    with caplog.at_level(logging.INFO):
        assert find_start(_config(run, *words, "resume_changes=true")).path is not None
    assert "changed since" not in caplog.text  # it is told once, as what matters


SHAPES = [
    ("net.input_size=32", "net.input_size"),
    ("task.image.batch_size=16", "data.tasks.image.batch_size"),
    ("trainer.accumulate_grad_batches=2", "trainer.accumulate_grad_batches"),
    ("trainer.precision=bf16-mixed", "trainer.precision"),
    ("trainer.use_distributed_sampler=true", "trainer.use_distributed_sampler"),
    ("run_callbacks.random_state=null", "run_callbacks.random_state._target_"),
    ("optimizer.lr=0.5", "optimizer.lr"),
    ("seed=3", "seed"),
    ("loss.attributes.weight=3", "loss.attributes.weight"),
    ("dataset.synthetic.num_samples=50", "dataset.synthetic.num_samples"),
    ("data.max_text_tokens=9", "data.max_text_tokens"),
    ("lr_scheduler.pct_start=0.4", "lr_scheduler.pct_start"),
]


@pytest.mark.parametrize(("word", "key"), SHAPES, ids=[key for _, key in SHAPES])
def test_a_change_that_matters_is_refused_unless_it_is_wanted(tmp_path: Path, caplog, word: str, key: str):
    run = tmp_path / "run"
    _save(run, 5)
    words = [word, "resume=auto"]
    with pytest.raises(ConfigError, match=rf"configuration \(old -> new\):(\n|.)*{key}: (\n|.)*resume_changes=true"):
        find_start(_config(run, *words))
    assert find_start(_config(run, *words, "resume_changes=true")).path is not None
    assert f"{key}: " in caplog.text


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("trainer.max_steps=4000", "trainer.max_steps: 2000 -> 4000"),
        ("data.prepare_per_node=true", "data.prepare_per_node: False -> True"),
        ("trainer.devices=2", "trainer.devices: 1 -> 2"),
        ("run_callbacks.checkpoint.keep=5", "run_callbacks.checkpoint.keep: 2 -> 5"),
        ("logger=none", "logger: (not there) -> {}"),
        ("run_callbacks.progress=null", "run_callbacks.progress"),
        ("data.num_workers=3", "data.num_workers: 0 -> 3"),
        ("module.compile=true", "module.compile: False -> True"),
    ],
)
def test_a_harmless_change_is_told_in_a_line(tmp_path: Path, caplog, word: str, told: str):
    run = tmp_path / "run"
    _save(run, 5, config=_config(run, "lr_scheduler=none"))
    with caplog.at_level(logging.INFO):
        assert find_start(_config(run, "lr_scheduler=none", word, "resume=auto")).path is not None
    (line,) = [r.getMessage() for r in caplog.records if "changed since" in r.getMessage()]
    assert told in line


def test_where_things_lie_is_no_change(tmp_path: Path, caplog):
    run = tmp_path / "here" / "run"
    _save(run, 5)
    moved = tmp_path / "there"
    (tmp_path / "here").rename(moved)
    with caplog.at_level(logging.INFO):
        assert find_start(_config(moved / "run", "resume=auto")).path is not None
    assert not [r for r in caplog.records if "changed" in r.getMessage()]


def test_a_switched_average_is_a_change(tmp_path: Path):
    run = tmp_path / "run"
    _save(run, 5)
    with pytest.raises(ConfigError, match=r"callbacks\.ema\.decay: \(not there\) -> 0\.998"):
        find_start(_config(run, "callbacks=[learning_rate,ema]", "resume=auto"))


def test_many_differences_are_counted():
    found = changes({str(i): i for i in range(30)}, {str(i): i + 1 for i in range(30)} | {"x": 1})
    assert len(found) == 31
    assert found["x"] == "x: (not there) -> 1"
    assert changes_that_matter(found, True) == found


def _record(**values: Any) -> dict[str, Any]:
    data = {"faces": {"folder": "a", "train": {"samples": 3, "fingerprint": values.pop("faces", "f" * 20)}}}
    components = {"tokenizer": {"path": "a", "fingerprint": "t" * 20}}
    return {"kind": "unified", "data": data, "components": components} | values


def test_other_data_or_another_tokenizer_is_refused_unless_it_is_wanted(caplog):
    check_sources(_record(), _record(), allowed=False)
    check_sources({}, _record(), allowed=False)
    other = _record(components={"tokenizer": {"path": "a", "fingerprint": "u" * 20}})
    with pytest.raises(DataError, match=r"tokenizer: tttttttttttt -> uuuuuuuuuuuu.*resume_changes=true"):
        check_sources(_record(), other, allowed=False)
    with pytest.raises(DataError, match=r"data\.faces\.train: ffffffffffff -> gggggggggggg"):
        check_sources(_record(), _record(faces="g" * 20), allowed=False)
    check_sources(_record(), other, allowed=True)
    assert "continuing with other data sets or networks" in caplog.text
