"""What a person reads of a run: with a terminal and without one."""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import Any

import lightning.pytorch as pl
import observed_run
import pytest
import torch
from rich.console import Console
from torch.utils.data import DataLoader

from unif2ace.callbacks import counting
from unif2ace.callbacks import progress as progress_file
from unif2ace.callbacks.counting import Seen
from unif2ace.callbacks.progress import ProgressReading, TrainingProgress, clock, number
from unif2ace.types import Batch


class _Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = (self.weight * batch).square().sum()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def _fit(callback: TrainingProgress, **options: Any) -> pl.Trainer:
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=5,
        max_epochs=-1,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )
    loader = DataLoader([torch.full((1,), 2.0)] * 6, batch_size=3)
    trainer.fit(_Line(), loader, loader)
    return trainer


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "unif2ace.callbacks.progress"]


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch):
    """A clock on which a step takes two seconds, and so do a validation and everything that asks for the time."""
    now = [0.0]
    monkeypatch.setattr(progress_file.time, "monotonic", lambda: now[0])

    class _Ticks(pl.Callback):
        def on_train_batch_start(self, *args: Any) -> None:
            now[0] += 2.0

        def on_validation_batch_start(self, *args: Any) -> None:
            now[0] += 50.0

    return _Ticks()


def test_lines_name_step_speed_loss_memory_and_time_left(caplog: pytest.LogCaptureFixture, ticking: pl.Callback):
    callback = TrainingProgress(seconds=0.0)
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=5, max_epochs=-1, callbacks=[callback, ticking], logger=False,
        enable_checkpointing=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    loader = DataLoader([torch.full((1,), 2.0)] * 6, batch_size=3)
    with caplog.at_level(logging.INFO, "unif2ace"):
        trainer.fit(_Line(), loader, loader)
    lines = _lines(caplog)
    assert len(lines) == 5
    assert re.fullmatch(r"step 1 of 5 \(20%\), loss 12, [\d.]+ GiB", lines[0])
    # 3 rows every 2 seconds; two steps an epoch with 100 seconds of validation, which only the time left counts
    assert re.fullmatch(r"step 4 of 5 \(80%\), 0.5 steps/s, 1.5 images/s, loss 12, [\d.]+ GiB, 0:00:35 left", lines[3])


def test_it_says_the_last_step_and_reads_values_only_when_it_shows(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    read = []
    metrics = pl.Trainer.callback_metrics.fget
    monkeypatch.setattr(pl.Trainer, "callback_metrics", property(lambda self: (read.append(1), metrics(self))[1]))
    tokens = []
    counted = Seen.tokens.fget
    monkeypatch.setattr(Seen, "tokens", property(lambda self: (tokens.append(1), counted(self))[1]))
    with caplog.at_level(logging.INFO, "unif2ace"):
        _fit(TrainingProgress(seconds=1000.0))
    (line,) = _lines(caplog)
    assert line.startswith("step 5 of 5 (100%), ")
    assert len(read) == 1
    assert len(tokens) == 2  # at the first step, and for the line


def test_text_and_image_tokens_without_padding():
    whole = observed_run.tiny.batch(0)
    seen = Seen()
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    net = torch.nn.Module()
    net.num_image_tokens = observed_run.tiny.TOKENS
    seen.add(trainer, net, whole)
    seen.add(trainer, net, whole)
    once = int((whole.text != observed_run.Text.pad_id).sum()) + 8 * observed_run.tiny.TOKENS
    assert (seen.images, seen.tokens) == (16, 2 * once)
    again = Seen()
    again.load_state_dict(seen.state_dict())
    again.add(trainer, net, whole)
    assert (again.images, again.tokens) == (24, 3 * once)
    pictures = Seen()
    pictures.add(trainer, torch.nn.Module(), Batch(whole.task, whole.index, whole.valid, whole.image))
    assert (pictures.images, pictures.tokens) == (8, 0)


def test_a_unified_run_shows_its_losses_and_tokens(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "unif2ace"):
        observed_run.fit([TrainingProgress(seconds=0.0)], enable_progress_bar=True)
    last = _lines(caplog)[-1]
    assert re.fullmatch(
        r"step 3 of 3 \(100%\), \S+ steps/s, \S+ images/s, \S+ tokens/s, loss \S+, d3diff \S+, ar \S+, "
        r"load_balance \S+, \S+ GiB, 0:00:00 left",
        last,
    )


def test_a_terminal_gets_a_bar_and_log_lines_stay_whole(monkeypatch: pytest.MonkeyPatch):
    screen = io.StringIO()
    callback = TrainingProgress(refresh=0.0)
    callback._console, callback._plain = Console(file=screen, force_terminal=True, width=100), False
    handler = logging.StreamHandler(sys.__stderr__)
    logging.getLogger().addHandler(handler)
    inside = []

    class _Says(pl.Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            inside.append(handler.stream)
            logging.getLogger("elsewhere").warning("a line of another")

    try:
        trainer = pl.Trainer(
            accelerator="cpu", max_steps=3, max_epochs=-1, callbacks=[callback, _Says()], logger=False,
            enable_checkpointing=False, enable_model_summary=False, num_sanity_val_steps=0,
        )  # fmt: skip
        loader = DataLoader([torch.full((1,), 2.0)] * 3, batch_size=1)
        trainer.fit(_Line(), loader, loader)
    finally:
        logging.getLogger().removeHandler(handler)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "a line of another" in text
    assert "step 3 of 3" in text
    assert "validation 3 of 3" in text
    assert "images/s" in text
    assert all(stream is not sys.__stderr__ for stream in inside)
    assert handler.stream is sys.__stderr__
    assert callback._live is None


def test_an_exception_gives_the_terminal_back():
    callback = TrainingProgress()
    callback._console, callback._plain = Console(file=io.StringIO(), force_terminal=True), False

    class _Fails(pl.Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            raise RuntimeError("broken")

    trainer = pl.Trainer(
        accelerator="cpu", max_steps=3, callbacks=[callback, _Fails()], logger=False, enable_checkpointing=False,
        enable_model_summary=False,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="broken"):
        trainer.fit(_Line(), DataLoader([torch.ones(1)] * 3))
    assert callback._live is None
    assert sys.stderr is not None
    assert not type(sys.stderr).__module__.startswith("rich")


def test_the_panel_is_aligned():
    reading = ProgressReading(
        1240, 12000, {"steps": 3.2, "images": 204.8, "tokens": 19210.0},
        {"loss": 5.2131, "d3diff": 4.1, "load_balance": 1.0}, 3.21, 5400.0,
    )  # fmt: skip
    console = Console(width=100, file=io.StringIO())
    console.print(reading.panel())
    bar, names, values = console.file.getvalue().splitlines()
    assert "step 1,240 of 12,000" in bar
    assert bar.rstrip().endswith("10% 1:30:00 left")
    for name, value in {"tokens/s": "19,210", "memory": "3.2 GiB", "d3diff": "4.1", "loss": "5.213"}.items():
        assert names.index(name) + len(name) == values.index(value) + len(value)


def test_numbers_and_clocks():
    assert [number(v) for v in (0.0521, 4.1832, 1239.6)] == ["0.0521", "4.18", "1,240"]
    assert [clock(s) for s in (5, 330.4, 273930)] == ["0:00:05", "0:05:30", "3 d 04:05:30"]


def test_memory_of_the_process():
    in_use, peak = (f(torch.device("cpu")) for f in (counting.memory_in_use, counting.peak_memory))
    assert 2**26 < in_use <= 1.05 * peak
