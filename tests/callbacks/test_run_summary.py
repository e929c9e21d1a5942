"""What a run says in the end."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import observed_run
import pytest
from rich.console import Console

from unif2ace.callbacks import summary as summary_file
from unif2ace.callbacks.summary import RunSummary, table
from unif2ace.loggers.tensorboard import TensorBoardLogger


class _Stops(pl.Callback):
    def __init__(self, step: int, error: BaseException) -> None:
        self.step, self.error = step, error

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            raise self.error


def _row(text: str, name: str) -> list[str]:
    (line,) = re.findall(rf"^{re.escape(name)}  +(.*)$", text, re.MULTILINE)
    return line.split()


def test_a_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    screen = io.StringIO()
    monkeypatch.setattr(summary_file, "Console", lambda stderr: Console(file=screen, width=60))
    (tmp_path / "samples").mkdir()
    logger = TensorBoardLogger(str(tmp_path))
    run = observed_run.fit([RunSummary(tmp_path)], logger=logger)
    text = (tmp_path / "summary.txt").read_text()
    assert text in screen.getvalue()
    assert _row(text, "run") == ["finished"]
    assert _row(text, "steps") == ["3", "of", "3"]
    assert _row(text, "seen")[:2] == ["24", "images,"]
    tokens = sum(
        int((b.text != observed_run.Text.pad_id).sum()) + 8 * observed_run.tiny.TOKENS
        for b in map(observed_run.tiny.batch, range(3))
    )
    assert _row(text, "seen")[2:] == [f"{tokens:,}", "tokens"]
    assert re.search(r"^peak memory +\d\.\d\d GiB of the process", text, re.MULTILINE)
    assert _row(text, "weights") == [str(tmp_path / "weights.safetensors")]
    assert _row(text, "curves") == ["tensorboard", "--logdir", str(tmp_path)]
    assert _row(text, "samples") == [str(tmp_path / "samples")]
    for name in ("train/loss", "val/nelbo"):
        assert _row(text, name)[0] == f"{float(run.callback_metrics[name]):.4g}"
    assert text.split("next:\n")[1].splitlines()[0] == f"  unif2ace-evaluate {tmp_path} evaluator=CLASSIFIER_RUN"


def test_a_run_that_is_stopped_and_goes_on(tmp_path: Path):
    saves = pl.callbacks.ModelCheckpoint(tmp_path / "checkpoints", save_on_exception=True, every_n_train_steps=100)
    with pytest.raises(SystemExit):
        observed_run.fit(
            [RunSummary(tmp_path), saves, _Stops(4, SystemExit(143))], max_steps=6, enable_checkpointing=True
        )
    text = (tmp_path / "summary.txt").read_text()
    assert _row(text, "run") == ["stopped"]
    assert _row(text, "steps") == ["4", "of", "6"]
    assert _row(text, "checkpoints") == [str(tmp_path / "checkpoints")]
    assert f"run_dir={tmp_path} resume=auto" in text.split("next:\n")[1].splitlines()[0]
    before = _row(text, "val/nelbo")
    (file,) = (tmp_path / "checkpoints").glob("*.ckpt")
    again = RunSummary(tmp_path)
    observed_run.fit([again], ckpt=file, max_steps=6)
    text = (tmp_path / "summary.txt").read_text()
    assert _row(text, "run") == ["finished"]
    assert _row(text, "seen")[0] == "48"
    assert _row(text, "val/nelbo") != before
    assert {int(step) for _, step in again._values["val/nelbo"][1:]} == {3, 6}  # least and greatest of both parts
    assert again._before > 0


def test_a_run_that_fails_says_how(tmp_path: Path):
    with pytest.raises(ValueError, match="broken"):
        observed_run.fit([RunSummary(tmp_path, show=False), _Stops(1, ValueError("it is broken"))])
    text = (tmp_path / "summary.txt").read_text()
    assert "failed: ValueError: it is broken" in text
    assert "next:" not in text  # neither weights nor a checkpoint were written
    assert "weights.safetensors" not in text


def test_an_interrupt_by_a_person(tmp_path: Path):
    with pytest.raises(SystemExit):
        observed_run.fit([RunSummary(tmp_path, show=False), _Stops(2, KeyboardInterrupt())])
    assert _row((tmp_path / "summary.txt").read_text(), "run") == ["stopped"]


def test_a_trial_run_writes_nothing(tmp_path: Path):
    observed_run.fit([RunSummary(tmp_path)], fast_dev_run=True)
    assert not (tmp_path / "summary.txt").exists()


def test_the_table_is_aligned():
    lines = table({"val/psnr": [[21.0, 3], [18.25, 1], [22.5, 2]], "a": [[1.0, 1200]] * 3})
    assert [line.split() for line in lines[1:-1]] == [
        ["a", "1", "1,200", "-", "-", "-", "-"],  # measured once: it has neither a least nor a greatest
        ["val/psnr", "21", "3", "18.25", "1", "22.5", "2"],
    ]
    assert len({len(line) for line in lines[:-1]}) == 1
    assert table({}) == ["nothing was measured"]


def test_least_and_greatest_with_their_steps(tmp_path: Path):
    summary = RunSummary(tmp_path)
    trainer = observed_run.trainer([])
    for step, value in enumerate([3.0, 1.0, 5.0, float("nan"), 1.0], 1):
        trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total.completed = step
        trainer._logger_connector._callback_metrics = {"val/x": value, "train/x": 0.0}
        summary._note(trainer, "val/")
    assert summary._values == {"val/x": [[1.0, 5], [1.0, 2], [5.0, 3]]}
