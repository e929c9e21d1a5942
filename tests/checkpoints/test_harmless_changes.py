"""Every change that a resume takes as harmless is tried by a resume: the run ends with the same weights."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from unif2ace.commands.train import train
from unif2ace.data.loader import ResumableLoader
from unif2ace.engine import compose
from unif2ace.engine.resuming import HARMLESS, SILENT, _flat
from unif2ace.engine.weights import read_weights
from unif2ace.errors import DataError

BASE = [
    "module=tokenizer", "net=patch", "net.channels=[32]", "net.encoder_blocks=[1]", "net.decoder_blocks=[1]",
    "quantizer.num_codes=16", "loss=[reconstruction]", "metric=[psnr]", "lr_scheduler=none", "optimizer.lr=0.05",
    "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=2", "data.steps_per_epoch=4", "data.max_eval_samples=2", "trainer.accelerator=cpu",
    "callbacks=[learning_rate,gradient_norms,reconstructions,model_summary]", "logger=[csv]",
    "run_callbacks.checkpoint.every_n_train_steps=3", "trainer.max_steps=6",
]  # fmt: skip

UP = {
    "engine.allow": "[torchvision.]",
    "extras.ignore_warnings": "true",
    "extras.print_config": "true",
    "optimized_metric": "train/loss",
    "monitor": "train/loss",
    "monitor_mode": "max",
    "tags": "[other]",
    "dataset.synthetic.workers": 2,
    "data.num_workers": 2,
    "data.max_eval_samples": 3,
    "data.max_drop_fraction": 0.5,
    "data.prepare_per_node": "true",
    "run_callbacks.progress.seconds": 60,
    "run_callbacks.progress.leave": "false",
    "run_callbacks.progress.refresh": 2,
    "run_callbacks.progress.terms": 9,
    "run_callbacks.checkpoint.every_n_train_steps": 4,
    "run_callbacks.checkpoint.keep": 5,
    "run_callbacks.checkpoint.on_exception": "false",
    "run_callbacks.preemption.signals": "[SIGUSR1]",
    "run_callbacks.preemption.every": 3,
    "run_callbacks.preemption.requeue": "true",
    "callbacks.learning_rate.logging_interval": "epoch",
    "run_callbacks.summary.show": "false",
    "callbacks.gradient_norms.every_n_steps": 70,
    "callbacks.reconstructions.count": 40,
    "callbacks.reconstructions.columns": 20,
    "callbacks.reconstructions.scale": 2,
    "callbacks.reconstructions.name": "'other-{step}.png'",
    "callbacks.model_summary.max_depth": 2,
    "logger.csv.name": "more",
    "logger.csv.version": "two",
    "strategy.timeout": 900,
    "trainer.val_check_interval": 3,
    "trainer.check_val_every_n_epoch": 2,
    "trainer.log_every_n_steps": 20,
    "trainer.num_sanity_val_steps": 1,
    "trainer.limit_val_batches": 1,
    "trainer.deterministic": "true",
    "trainer.detect_anomaly": "true",
    "trainer.profiler": "simple",
    "trainer.enable_model_summary": "true",
}
"""Keys whose change a resume passes over, and another value: numbers go up."""
DOWN = {
    "dataset.synthetic.workers": 0,
    "data.num_workers": 1,
    "data.max_eval_samples": 1,
    "data.max_drop_fraction": 0,
    "run_callbacks.progress.seconds": 1,
    "run_callbacks.progress.refresh": 0.1,
    "run_callbacks.progress.terms": 0,
    "run_callbacks.checkpoint.every_n_train_steps": 1,
    "run_callbacks.checkpoint.keep": 1,
    "callbacks.gradient_norms.every_n_steps": 1,
    "callbacks.reconstructions.count": 2,
    "callbacks.reconstructions.columns": 1,
    "callbacks.model_summary.max_depth": -1,
    "strategy.timeout": 60,
    "trainer.log_every_n_steps": 1,
    "trainer.limit_val_batches": 0,
    "trainer.num_sanity_val_steps": 0,
    "trainer.val_check_interval": 0.25,
}
"""The same: numbers go down, to 0 where 0 has a meaning."""
GROUPS = {
    "callbacks": "[]",
    "run_callbacks.progress": "null",
    "logger": "none",
    "metric": "[psnr,ssim]",
    "strategy": "ddp",
}
"""Groups of which a resume may have other members."""
ELSEWHERE = {
    r".*\._target_": "changes with its group",
    r"launcher|trainer\.plugins|trainer\.num_nodes|trainer\.accelerator|.*\.world_size": "of other machines",
    r"trainer\.devices": "tests/strategies: the sums of several processes are rounded otherwise",
    r"trainer\.max_(steps|epochs)": "the length itself; this test resumes to another",
    r"trainer\.fast_dev_run": "trains another, single step by intent",
    r"hparams_search": "set by a search, whose trials do not resume with other values",
    r"test": "measures after training",
    r"run_callbacks\.best\.(monitor|mode)": "set through monitor and monitor_mode",
    r"module\.compile": "kernels round otherwise; needs a compiler",
    r"(data\.datasets|module\.metrics|trainer\.strategy)\..*": "set through dataset, metric and strategy",
}


def _config(run: Path, *words: str) -> DictConfig:
    typed = {word.partition("=")[0] for word in words}
    base = [word for word in BASE if word.partition("=")[0] not in typed]
    return compose("train", [f"paths.root={run.parent}", f"run_dir={run}", *base, *words])


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 3 steps, beside ``whole``, one of 6."""
    root = tmp_path_factory.mktemp("runs")
    train(_config(root / "whole"))
    train(_config(root / "stopped", "trainer.max_steps=3"))
    return root / "stopped"


def _resumes_alike(stopped: Path, name: str, words: list[str]) -> None:
    again = stopped.parent / name
    shutil.copytree(stopped, again)
    train(_config(again, "resume=auto", *words))
    found, whole = read_weights(again), read_weights(stopped.parent / "whole")
    assert found.header["steps"] == 6
    assert found.fingerprint == whole.fingerprint, f"{words} changes what is learned"


@pytest.mark.parametrize("changed", [UP, DOWN, GROUPS], ids=["up", "down", "groups"])
def test_a_resume_with_other_values_ends_with_the_same_weights(stopped: Path, changed: dict[str, Any]):
    name = "up" if changed is UP else "down" if changed is DOWN else "groups"
    words = [f"{key}={value}" for key, value in changed.items()]
    _resumes_alike(stopped, name, words)


def test_a_resume_with_workers_goes_on_without_any(stopped: Path):
    root = stopped.parent / "of workers"
    train(_config(root / "stopped", "trainer.max_steps=3", "data.num_workers=2"))
    shutil.copytree(stopped.parent / "whole", root / "whole")
    _resumes_alike(root / "stopped", "again", ["data.num_workers=0"])


def test_every_harmless_key_is_tried_or_has_a_reason(stopped: Path):
    keys = _flat(OmegaConf.to_container(_config(stopped), resolve=True))
    passed = {key for key in keys if HARMLESS.fullmatch(key) and not re.fullmatch(SILENT, key)}
    left = {key for key in passed - UP.keys() if not any(re.fullmatch(known, key) for known in ELSEWHERE)}
    assert left == set()
    assert UP.keys() | DOWN.keys() <= passed, "a key that a resume refuses"


def _fails(*_: Any) -> None:
    raise DataError("the first cause")


@pytest.mark.parametrize("part", ["__iter__", "load_state_dict", "__len__"])
def test_an_error_while_the_loader_is_made_ends_the_run_with_its_cause(
    part: str, stopped: Path, monkeypatch: pytest.MonkeyPatch
):
    again = stopped.parent / f"broken {part}"
    shutil.copytree(stopped, again)
    monkeypatch.setattr(ResumableLoader, part, _fails)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)}
    with pytest.raises(DataError, match="the first cause"):
        train(_config(again, "resume=auto"))
    assert {number: signal.getsignal(number) for number in handlers} == handlers, "`kill` would not end the process"
