"""What protects a run stays, whatever callbacks=[...] selects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import OmegaConf

from unif2ace.checkpoints.finding import newest
from unif2ace.commands import train as command
from unif2ace.engine import compose, run_callbacks
from unif2ace.engine.run_callbacks import instantiate_callbacks
from unif2ace.engine.weights import read_weights
from unif2ace.errors import ConfigError

NAMES = ["progress", "checkpoint", "best", "preemption", "random_state", "summary"]
EXPERIMENTS = ["attributes/synthetic", "tokenizer/decoder", "unified/quickstart", "unified/full"]
SMALL = [
    "module=tokenizer", "net=patch", "net.channels=[16]", "net.encoder_blocks=[0]", "net.decoder_blocks=[0]",
    "quantizer.num_codes=16", "loss=[reconstruction]", "metric=[psnr]", "lr_scheduler=cosine", "logger=none",
    "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=4", "data.steps_per_epoch=4", "data.max_eval_samples=2", "trainer.max_steps=6",
    "optimizer.lr=0.05", "callbacks=[expert_usage]", "trainer.accelerator=cpu",
]  # fmt: skip


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("words", [[], ["callbacks=[expert_usage]"], ["callbacks=[]"], ["callbacks=none"]])
def test_every_run_is_protected(experiment: str, words: list[str]):
    config = compose("train", [f"experiment={experiment}", *words])
    found = instantiate_callbacks(config)
    assert [*found][-len(NAMES) :] == NAMES
    if words:
        assert [*found][: -len(NAMES)] == (["expert_usage"] if "usage" in words[0] else [])


@pytest.mark.parametrize("name", NAMES)
def test_one_is_switched_off_by_its_name_alone(name: str):
    found = instantiate_callbacks(compose("train", [f"run_callbacks.{name}=null"]))
    assert [n for n in found if n in NAMES] == [n for n in NAMES if n != name]


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        (["run_callbacks=[progress,best]"], "checkpoint"),
        (["run_callbacks=[]"], "best"),
        (["~run_callbacks.preemption"], "preemption"),
    ],
)
def test_one_that_is_lost_by_a_selection_is_named(words: list[str], lost: str):
    config = compose("train", words)
    with pytest.raises(ConfigError, match=rf"run_callbacks lacks {lost}, .* run_callbacks\.{lost}=null"):
        instantiate_callbacks(config)


def test_two_callbacks_of_one_name_are_refused():
    config = compose("train")
    OmegaConf.set_struct(config, False)
    config.callbacks.summary = config.run_callbacks.random_state
    with pytest.raises(ConfigError, match=r"callbacks\.summary and run_callbacks\.summary have the same name: rename"):
        instantiate_callbacks(config)


def test_an_evaluation_keeps_its_progress_bar():
    config = compose("evaluate", ["kind=tokenizer", "ckpt=builtin", "out=there", "callbacks=[]"])
    assert [*instantiate_callbacks(config, required=["progress"])] == ["reconstructions", "progress"]


def _train(root: Path, run: Path, *words: str) -> None:
    command.train(compose("train", [*SMALL, f"paths.root={root}", f"run_dir={run}", *words]))


class _Fails(pl.Callback):
    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == 4:
            raise RuntimeError("broken")


def test_a_run_that_observes_otherwise_resumes_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _train(tmp_path, tmp_path / "whole")
    make = run_callbacks.instantiate_callbacks

    def broken(config: object, required: Iterable[str] | None = None) -> dict[str, pl.Callback]:
        return {**make(config, required), "fails": _Fails()}  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(command, "instantiate_callbacks", broken)
        with pytest.raises(RuntimeError, match="broken"):
            _train(tmp_path, tmp_path / "run")
    found = newest(tmp_path / "run")
    assert found is not None
    assert found.name.endswith("4")
    _train(tmp_path, tmp_path / "run", "resume=auto")
    whole, resumed = (read_weights(tmp_path / name) for name in ("whole", "run"))
    assert resumed.header["steps"] == whole.header["steps"] == 6
    for name, value in whole.state.items():
        torch.testing.assert_close(resumed.state[name], value, rtol=0, atol=0)
