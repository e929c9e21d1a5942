"""A run without a terminal says how far it is."""

from __future__ import annotations

import logging

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader

from unif2ace.callbacks.progress import TrainingProgress


class _Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = (self.weight * batch).square().sum()
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def test_lines_name_step_speed_and_loss(caplog: pytest.LogCaptureFixture):
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=5,
        max_epochs=-1,
        callbacks=[TrainingProgress(seconds=0.0)],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    with caplog.at_level(logging.INFO, "unif2ace"):
        trainer.fit(_Line(), DataLoader([torch.full((1,), 2.0)] * 2, batch_size=1))
    lines = [r.getMessage() for r in caplog.records if r.name == "unif2ace.callbacks.progress"]
    assert len(lines) == 5
    assert lines[3].startswith("step 4 of 5 (")
    assert lines[3].endswith(" s left), loss 4")
