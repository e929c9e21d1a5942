"""The random stream of training: kept in checkpoints, moved by nothing but training."""

from __future__ import annotations

import random
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
import toy_run
from resumed import assert_same_end, curve
from torch import Tensor

from unif2ace.callbacks.random_state import RandomState, capture, restore
from unif2ace.checkpoints.finding import step_name


def _draw() -> list[float]:
    return [
        float(torch.rand(1)),
        float(torch.randn(1)),
        np.random.rand(),
        np.random.randn(),
        random.random(),
        random.gauss(),
    ]


def test_a_state_survives_a_file_that_is_read_safely(tmp_path: Path):
    _draw()  # both NumPy and Python hold half of a pair of normal numbers back
    torch.save(capture(), tmp_path / "state.pt")
    expected = [_draw() for _ in range(400)]
    restore(torch.load(tmp_path / "state.pt", weights_only=True))
    assert [_draw() for _ in range(400)] == expected


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """26 steps, of which every one is saved; epochs end with a validation after 12 and 24."""
    out = tmp_path_factory.mktemp("whole")
    toy_run.main(out, steps=26, seconds=0, every=1)
    return out


@pytest.mark.parametrize("stop", [1, 11, 12, 13, 24])
def test_a_resumed_run_goes_on_bit_for_bit_wherever_it_stopped(whole: Path, tmp_path: Path, stop: int):
    out = tmp_path / "again"
    torch.rand(7)
    toy_run.main(out, steps=26, seconds=0, ckpt=whole / "checkpoints" / step_name(stop))
    assert curve(out) == {step: line for step, line in curve(whole).items() if step > stop}
    assert_same_end(whole, out)


class _Draws(pl.LightningModule):
    """Keeps what it draws in training."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.drawn: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.drawn += _draw()
        return self.weight.sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        _draw()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def _drawn(**options: object) -> list[float]:
    pl.seed_everything(0, verbose=False)
    module = _Draws()
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=8, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[RandomState()], **options,
    )  # fmt: skip
    trainer.fit(module, torch.zeros(4, 1), torch.zeros(2, 1))
    return module.drawn


def test_validation_does_not_move_training():
    with_validation = _drawn(num_sanity_val_steps=0)
    assert with_validation == _drawn(limit_val_batches=0, num_sanity_val_steps=0)
    assert len(set(with_validation)) == len(with_validation) == 8 * 6
