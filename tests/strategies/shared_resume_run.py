"""Trains in two processes that share every layer, then again from the checkpoint of step 2: shared_resume_run.py OUT"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from strategy_run import train

from unif2ace.callbacks.checkpoint import Checkpoint
from unif2ace.checkpoints.finding import step_name

SETTINGS: dict[str, Any] = {"strategy": "fsdp_tp", "devices": 2, "optimizer": "muon", "clip": 0.05, "ema": True}


class Losses(pl.Callback):
    """Keeps the loss of every step."""

    def __init__(self) -> None:
        self.found: dict[int, float] = {}

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.found[trainer.global_step] = float(trainer.callback_metrics["train/loss"])


def run(out: Path, name: str, start: Path | None = None) -> None:
    losses = Losses()
    callbacks = [losses, Checkpoint(out / name, every_n_train_steps=2)]
    done = train(**SETTINGS, callbacks=callbacks, start=start)
    if os.environ["LOCAL_RANK"] == "0":
        torch.save({"losses": losses.found, "state": done["state"]}, out / f"{name}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    run(folder, "whole")
    run(folder, "resumed", folder / "whole" / step_name(2))
