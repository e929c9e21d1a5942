"""Checkpoints of a run: when they are written, how many stay, what is never written, and that a run goes on exactly."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.strategies import DeepSpeedStrategy
from torch import Tensor, nn
from torchdata.stateful_dataloader import StatefulDataLoader

from unif2ace.callbacks.checkpoint import Checkpoint
from unif2ace.callbacks.ema import EMA
from unif2ace.checkpoints import writing
from unif2ace.checkpoints.finding import listed, newest, step_name
from unif2ace.checkpoints.reading import read
from unif2ace.errors import ConfigError, DataError

ROWS = 48


class Module(pl.LightningModule):
    """A line that is fitted; at a step it can be given what no fit gives."""

    def __init__(self, fault: dict[int, Any] | None = None) -> None:
        super().__init__()
        self.net = nn.Linear(3, 3)
        self.fault = fault or {}

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        fault = self.fault.pop(self.global_step, None)
        if isinstance(fault, BaseException):
            raise fault
        return self.net(batch).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        if "validation" in self.fault:
            raise RuntimeError("in validation")

    def on_train_batch_end(self, *_: Any) -> None:
        if self.fault.get(self.global_step) == "nan":
            self.net.bias.data[0] = float("nan")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=0.1)


def _fit(folder: Path, module: Module, *callbacks: pl.Callback, ckpt: Path | None = None, **options: Any) -> pl.Trainer:
    rows = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(1))
    trainer = pl.Trainer(
        **({"max_steps": 7} | options),
        accelerator="cpu", default_root_dir=folder, callbacks=[*callbacks], logger=False, num_sanity_val_steps=0,
        enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False,
    )  # fmt: skip
    loaders = [StatefulDataLoader(list(rows), batch_size=4) for _ in range(2)]
    trainer.fit(module, *loaders, ckpt_path=ckpt, weights_only=True)
    return trainer


def _module(fault: dict[int, Any] | None = None) -> Module:
    torch.manual_seed(0)
    return Module(fault)


def _names(folder: Path) -> list[str]:
    return [p.name for p in sorted(folder.iterdir())]


def test_every_n_steps_the_last_step_and_only_so_many(tmp_path: Path):
    _fit(tmp_path, _module(), Checkpoint(tmp_path / "c", every_n_train_steps=2, keep=3))
    assert _names(tmp_path / "c") == [step_name(s) for s in (4, 6, 7)]


class _Ends(pl.Callback):
    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.global_step == 3


@pytest.mark.parametrize(("callbacks", "last"), [([], 12), ([_Ends()], 3)], ids=["epochs", "told"])
def test_a_run_that_ends_otherwise_saves_too(tmp_path: Path, callbacks: list[pl.Callback], last: int):
    _fit(tmp_path, _module(), *callbacks, Checkpoint(tmp_path / "c", 50), max_epochs=1, max_steps=-1)
    assert _names(tmp_path / "c") == [step_name(last)]


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("stop", [4, 12])
def test_a_run_goes_on_bitwise_with_averages_and_accumulation(tmp_path: Path, accumulate: int, stop: int):
    options = {"accumulate_grad_batches": accumulate}
    whole, part = _module(), _module()
    _fit(tmp_path, whole, EMA(0.7), Checkpoint(tmp_path / "whole"), max_steps=17, **options)
    _fit(tmp_path, part, EMA(0.7), Checkpoint(tmp_path / "c", every_n_train_steps=stop), max_steps=stop, **options)
    torch.manual_seed(7)
    resumed = Module()
    checkpoint = Checkpoint(tmp_path / "c", every_n_train_steps=50)
    _fit(tmp_path, resumed, EMA(0.7), checkpoint, ckpt=newest(tmp_path / "c"), max_steps=17, **options)
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
    one, other = (read(newest(tmp_path / name)) for name in ("whole", "c"))
    for entry in ("state_dict", "current_model_state", "optimizer_states"):
        torch.testing.assert_close(one[entry], other[entry], rtol=0, atol=0)
    assert _names(tmp_path / "c") == [step_name(stop), step_name(17)]


def test_accumulation_counts_optimiser_steps_and_saves_once_for_each(tmp_path: Path, monkeypatch):
    saved = []
    save = pl.Trainer.save_checkpoint
    monkeypatch.setattr(
        pl.Trainer, "save_checkpoint", lambda t, path, **o: saved.append(path.name) or save(t, path, **o)
    )
    _fit(tmp_path, _module(), Checkpoint(tmp_path / "c", 2), max_steps=4, accumulate_grad_batches=3)
    assert saved == [step_name(2), step_name(4)]
    batches = read(tmp_path / "c" / step_name(2))["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]
    assert batches["processed"] == 6


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path):
    with pytest.raises(DataError, match=r"step 4 is not saved: net\.\w+ is not finite"):
        _fit(tmp_path, _module({3: "nan"}), Checkpoint(tmp_path / "c", every_n_train_steps=2))
    assert _names(tmp_path / "c") == [step_name(2)]


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), RuntimeError("broken")], ids=["interrupt", "error"])
def test_a_run_that_is_stopped_saves(tmp_path: Path, fault: BaseException):
    with pytest.raises((SystemExit, RuntimeError)):
        _fit(tmp_path, _module({5: fault}), Checkpoint(tmp_path / "c", every_n_train_steps=4))
    assert _names(tmp_path / "c") == [step_name(s) for s in (4, 5)]
    module = Module()
    assert _fit(tmp_path, module, Checkpoint(tmp_path / "c"), ckpt=newest(tmp_path / "c")).global_step == 7


def test_where_nothing_new_happened_or_it_is_not_wanted_nothing_is_saved(tmp_path: Path):
    with pytest.raises(RuntimeError):
        _fit(tmp_path, _module({0: RuntimeError("at once")}), Checkpoint(tmp_path / "c"))
    with pytest.raises(RuntimeError):
        _fit(tmp_path, _module({3: RuntimeError("later")}), Checkpoint(tmp_path / "c", on_exception=False))
    assert not (tmp_path / "c").exists()


def test_averaged_weights_in_validation_are_never_saved_as_the_trained_ones(tmp_path: Path, caplog):
    with pytest.raises(RuntimeError, match="in validation"):
        _fit(tmp_path, _module({"validation": 1}), EMA(0.7), Checkpoint(tmp_path / "c"), val_check_interval=3)
    assert not (tmp_path / "c").exists()
    assert "step 3 is not saved: the run stopped outside of training" in caplog.text


def test_weights_that_are_half_changed_are_not_saved(tmp_path: Path, caplog, monkeypatch):
    module = _module()

    def interrupted(*args: Any, closure: Any, **_: Any) -> None:
        closure()
        if module.global_step == 3:
            raise RuntimeError("amid the step")

    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, closure: interrupted(closure=closure))
    with pytest.raises(RuntimeError, match="amid"):
        _fit(tmp_path, module, Checkpoint(tmp_path / "c", every_n_train_steps=2))
    assert _names(tmp_path / "c") == [step_name(2)]
    assert "step 3 is not saved: the run stopped in an optimizer step" in caplog.text


def test_a_full_disk_ends_the_run_once_and_leaves_the_old_one(tmp_path: Path, monkeypatch):
    write, calls = writing.HashedFile.write, []

    def full(self: Any, data: Any) -> int:
        if newest(tmp_path / "c"):
            calls.append(1)
            raise OSError(errno.ENOSPC, "no space left")
        return write(self, data)

    monkeypatch.setattr(writing.HashedFile, "write", full)
    with pytest.raises(writing.DiskFullError, match=r"bytes are needed"):
        _fit(tmp_path, _module(), Checkpoint(tmp_path / "c", every_n_train_steps=2))
    assert _names(tmp_path / "c") == [step_name(2)]
    assert newest(tmp_path / "c") is not None


def test_saving_at_a_step_that_is_there_gives_it(tmp_path: Path):
    checkpoint = Checkpoint(tmp_path / "c", every_n_train_steps=3)

    class Asks(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
            if trainer.global_step in (2, 3):
                path = tmp_path / "c" / step_name(trainer.global_step)
                assert checkpoint.save(trainer) == checkpoint.save(trainer) == path

    _fit(tmp_path, _module(), Asks(), checkpoint, max_steps=4)
    assert [p.name for p in listed(tmp_path / "c")] == [step_name(3), step_name(4)]


def test_what_a_killed_run_left_goes_at_the_start_and_a_trial_writes_nothing(tmp_path: Path):
    (tmp_path / "c" / "step-00000009.tmp").mkdir(parents=True)
    _fit(tmp_path, _module(), Checkpoint(tmp_path / "c", 1), fast_dev_run=True)
    assert _names(tmp_path / "c") == ["step-00000009.tmp"]
    _fit(tmp_path, _module(), Checkpoint(tmp_path / "c", 2), max_steps=2)
    assert _names(tmp_path / "c") == [step_name(2)]


def test_a_strategy_with_a_form_of_its_own_is_refused():
    trainer = SimpleNamespace(strategy=object.__new__(DeepSpeedStrategy), is_global_zero=True, fast_dev_run=False)
    with pytest.raises(ConfigError, match=r"add run_callbacks\.checkpoint=null, or use strategy=fsdp"):
        Checkpoint("c").setup(trainer, _module(), "fit")


@pytest.mark.parametrize("options", [{"keep": 0}, {"every_n_train_steps": 0}])
def test_numbers_below_one_are_refused(options: dict[str, int]):
    with pytest.raises(ConfigError, match=r"callbacks\.checkpoint\.\w+=0: it must be at least 1"):
        Checkpoint("c", **options)
