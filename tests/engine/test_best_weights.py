"""A run keeps its best weights, stops when nothing improves, and measures them, however often it is interrupted."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest

from unif2ace.commands import train as command
from unif2ace.engine import compose, run_callbacks
from unif2ace.engine.best_test import check_test
from unif2ace.engine.config_comments import choices_of
from unif2ace.engine.weights import read_header, read_weights
from unif2ace.errors import ConfigError
from unif2ace.metrics.directions import known_mode
from unif2ace.metrics.logged import MetricError

STEPS = 4  # between validations
SMALL = [
    "module=tokenizer", "net=patch", "net.channels=[16]", "net.encoder_blocks=[0]", "net.decoder_blocks=[0]",
    "quantizer.num_codes=16", "loss=[reconstruction]", "metric=[psnr,ssim,codebook]", "lr_scheduler=none",
    "logger=csv", "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=4", f"data.steps_per_epoch={STEPS}", "data.max_eval_samples=1", "trainer.max_steps=40",
    "optimizer.lr=0.5", "trainer.accelerator=cpu", "monitor=val/psnr",
    f"run_callbacks.checkpoint.every_n_train_steps={STEPS}",
    "run_callbacks.summary.show=false",
]  # fmt: skip
STOPPING = ["callbacks=[ema,early_stopping]", "callbacks.early_stopping.patience=1"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


def _train(root: Path, name: str, *words: str) -> Any:
    return command.train(compose("train", [*SMALL, f"paths.root={root}", f"run_dir={root / name}", *words]))


@pytest.fixture(scope="module")
def whole(root: Path) -> tuple[Path, dict[str, float]]:
    return root / "whole", _train(root, "whole", *STOPPING, "test=true")


def _column(run: Path, name: str) -> dict[int, float]:
    with (run / "metrics.csv").open() as file:
        return {int(row["step"]): float(row[name]) for row in csv.DictReader(file) if row[name]}


def test_the_best_weights_are_kept_and_the_run_stops(whole: tuple[Path, dict[str, float]]):
    run, _ = whole
    found, last = read_weights(run / "best.safetensors"), read_weights(run / "weights.safetensors")
    values = _column(run, "val/psnr")
    best_step = max(values, key=lambda step: values[step])
    assert found.header["monitor"] == {"name": "val/psnr", "mode": "max", "value": values[best_step]}
    assert found.header["steps"] == best_step + 1
    assert last.header["steps"] == best_step + 1 + STEPS < 40
    assert last.fingerprint != found.fingerprint


def test_the_test_measures_the_best_weights_on_the_whole_split(whole: tuple[Path, dict[str, float]]):
    run, returned = whole
    best = read_header(run / "best.safetensors")["metrics"]
    (step, psnr), *more = _column(run, "test/psnr").items()
    assert not more
    assert step == read_header(run / "weights.safetensors")["steps"]
    assert psnr == returned["test/psnr"]
    # validations measure one of the two samples
    assert psnr != best["val/psnr"]
    _train(run.parent, "whole", *STOPPING, "resume=auto", "test=true", "data.max_eval_samples=2")
    again = _column(run, "test/psnr")
    assert again == {step: psnr}, "a run that has stopped is finished: it is measured again, and nothing is lost"
    assert len(_column(run, "val/psnr")) == step // STEPS


class _Fails(pl.Callback):
    """Fails in the second validation, before what protects the run sees it."""

    def on_validation_end(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == 2 * STEPS:
            raise RuntimeError("broken")


def test_a_run_that_is_interrupted_in_a_validation_makes_it_again(
    whole: tuple[Path, dict[str, float]], monkeypatch: pytest.MonkeyPatch
):
    run, root = whole[0], whole[0].parent
    make = run_callbacks.instantiate_slots

    def broken(config: Any, group: str, **more: Any) -> dict[str, Any]:
        return ({"fails": _Fails()} if group == "callbacks" else {}) | make(config, group, **more)

    with monkeypatch.context() as patched:
        patched.setattr(run_callbacks, "instantiate_slots", broken)
        with pytest.raises(RuntimeError, match="broken"):
            _train(root, "broken", *STOPPING)
    _train(root, "broken", *STOPPING, "resume=auto")
    assert _column(root / "broken", "val/psnr") == _column(run, "val/psnr")
    for file in ("best.safetensors", "weights.safetensors"):
        found, expected = read_weights(root / "broken" / file), read_weights(run / file)
        assert (found.fingerprint, found.header["steps"]) == (expected.fingerprint, expected.header["steps"])


def test_more_patience_goes_on_with_the_best_value(whole: tuple[Path, dict[str, float]]):
    run = whole[0]
    before = read_header(run / "best.safetensors")["monitor"]["value"]
    words = [*STOPPING[:1], "callbacks.early_stopping.patience=9", "trainer.max_steps=20"]
    _train(run.parent, "whole", *words, "resume=auto")
    after = read_header(run / "best.safetensors")
    assert read_header(run / "weights.safetensors")["steps"] == 20
    assert after["monitor"]["value"] >= before
    assert (after["monitor"]["value"] == before) == (max(_column(run, "val/psnr").values()) == before)


def test_a_metric_that_is_not_logged_ends_the_run_at_its_first_validation(root: Path):
    words = ["callbacks=[]", "monitor_mode=min"]
    with pytest.raises(MetricError, match=r"monitor=val/psn: .*did you mean 'val/psnr'"):
        _train(root, "wrong", "monitor=val/psn", *words)
    words = ["run_callbacks.best=null", "callbacks.early_stopping.monitor=val/psn", "callbacks=[early_stopping]"]
    with pytest.raises(MetricError, match=r"early_stopping\.monitor=val/psn: "):
        _train(root, "wrong_too", *words)


@pytest.mark.parametrize(
    ("words", "monitor", "mode"),
    [
        ([], "val/loss", "min"),
        (["optimized_metric=val/psnr"], "val/psnr", "max"),
        (["optimized_metric=test/psnr"], "val/psnr", "max"),
        (["optimized_metric=[val/nelbo,val/psnr]"], "val/nelbo", "min"),
        (["monitor=val/f1/male", "optimized_metric=val/loss"], "val/f1/male", "max"),
        (["monitor=val/mine", "monitor_mode=max"], "val/mine", "max"),
        (
            ["hparams_search=optuna", "optimized_metric=val/mine", "hparams_search.direction=maximize"],
            "val/mine",
            "max",
        ),
    ],
)
def test_the_metric_follows_from_the_optimized_one(words: list[str], monitor: str, mode: str):
    for group in ("run_callbacks.best", "callbacks.early_stopping"):
        config = compose("train", ["callbacks=[early_stopping]", *words])
        node = config[group.split(".")[0]][group.split(".")[1]]
        assert (node.monitor, node.mode) == (monitor, mode)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["monitor=val/mine"], "monitor=val/mine: give monitor_mode=min if a lower value is better"),
        (["monitor=null"], "give a metric, such as val/loss"),
        (["monitor_mode=most"], "monitor_mode=most: must be min or max"),
    ],
)
def test_a_metric_of_unknown_direction_is_named(words: list[str], message: str):
    with pytest.raises(ConfigError) as caught:
        run_callbacks.instantiate_callbacks(compose("train", words))
    assert message in str(caught.value)


def test_the_direction_of_all_that_a_validation_logs_is_known(whole: tuple[Path, dict[str, float]]):
    names = [name for name in whole[1] if name.startswith("val/")]
    assert len(names) > 5
    assert all(known_mode(name, choices_of("loss")) for name in names)


@pytest.mark.parametrize("word", ["run_callbacks.best=null", "trainer.limit_val_batches=0"])
def test_a_test_without_best_weights_is_refused_before_training(word: str):
    with pytest.raises(ConfigError, match=rf"test=true needs .* {word} .*: remove one of the two"):
        check_test(compose("train", ["test=true", word]))


def test_a_test_whose_run_made_no_validation_says_so(root: Path):
    words = ["trainer.max_steps=2", "test=true", "callbacks=[]", "metric=[psnr]"]
    (root / "unmeasured").mkdir()
    (root / "unmeasured" / "best.safetensors").write_bytes(b"of an earlier run")
    with pytest.raises(ConfigError, match=r"test=true: .*best\.safetensors does not exist, because no validation"):
        _train(root, "unmeasured", *words)


@pytest.mark.parametrize(
    ("mode", "values", "kept"), [("min", [math.nan, 2, 2, 3, 1], [2, 1]), ("max", [1, math.inf, 2], [1, 2])]
)
def test_only_finite_improvements_count(mode: str, values: list[float], kept: list[float]):
    from unif2ace.callbacks.best_weights import BestWeights

    best = BestWeights("val/loss", mode)
    found = []
    for value in values:
        if best.improves(value):
            best.best = value
            found.append(value)
    assert found == kept
