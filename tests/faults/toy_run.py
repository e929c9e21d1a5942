"""A toy with dropout and averaged weights that trains until it is told not to: python toy_run.py OUT key=value ...

In a file of its own because Lightning starts its other processes from the command line.
"""

from __future__ import annotations

import datetime
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torchdata.stateful_dataloader import StatefulDataLoader

from unif2ace.callbacks.checkpoint import Checkpoint
from unif2ace.callbacks.ema import EMA
from unif2ace.callbacks.preemption import Preemption
from unif2ace.callbacks.random_state import RandomState

BATCH, ROWS, WIDTH = 4, 48, 6


class Toy(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(WIDTH, 16), nn.Dropout(0.2), nn.Tanh(), nn.Linear(16, 1))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        torch.rand(self.global_rank)  # ranks draw differently
        return (self.net(batch) - batch.sum(1, keepdim=True)).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        torch.rand(1)  # validation draws too

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Data(pl.LightningDataModule):
    """Batches of a rank by their place, whatever the epoch."""

    def __init__(self, workers: int) -> None:
        super().__init__()
        self.workers = workers

    def train_dataloader(self) -> StatefulDataLoader:
        rank, size = self.trainer.global_rank, self.trainer.world_size
        rows = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(1))[rank::size]
        return StatefulDataLoader(
            rows, batch_size=BATCH // size, shuffle=False, num_workers=self.workers, worker_init_fn=leave_signals
        )

    def val_dataloader(self) -> StatefulDataLoader:
        return StatefulDataLoader(torch.zeros(2, WIDTH), batch_size=1)


class Diary(pl.Callback):
    """Writes each batch's loss and first entry; a step takes its time, so that a signal may fall into it."""

    def __init__(self, out: Path, seconds: float) -> None:
        self.out, self.seconds = out, seconds

    def on_train_batch_start(self, trainer: pl.Trainer, module: Any, batch: Tensor, batch_idx: int) -> None:
        assert all("Lightning" not in str(signal.getsignal(s)) for s in (signal.SIGTERM, signal.SIGUSR1))
        time.sleep(self.seconds)

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, out: Any, batch: Tensor, batch_idx: int) -> None:
        line = {"step": trainer.global_step, "pid": os.getpid(), "loss": float(out["loss"]), "row": float(batch[0, 0])}
        with (self.out / f"rank-{trainer.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


class SlowSave(Checkpoint):
    """Takes its time too, and says when it has begun."""

    def save(self, trainer: pl.Trainer) -> Path:
        (self.folder.parent / f"saving-{trainer.global_rank}").touch()
        time.sleep(float(os.environ.get("SAVE_SECONDS", "0")))
        return super().save(trainer)


def leave_signals(worker: int) -> None:
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def main(
    out: Path, steps=60, devices=1, seconds=0.1, accumulate=1, workers=0, timeout=60, ckpt=None, every=1000, keep=100
) -> None:
    torch.set_num_threads(1)
    pl.seed_everything(3, verbose=False)
    strategy = DDPStrategy(timeout=datetime.timedelta(seconds=float(timeout))) if int(devices) > 1 else "auto"
    saver = SlowSave(out / "checkpoints", int(every), int(keep))
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=int(devices),
        strategy=strategy,
        max_steps=int(steps),
        max_epochs=-1,
        accumulate_grad_batches=int(accumulate),
        callbacks=[Preemption(), saver, RandomState(), EMA(0.9), Diary(out, float(seconds))],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
    )
    before = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)}
    out.mkdir(exist_ok=True)
    module = Toy()
    try:
        trainer.fit(module, datamodule=Data(int(workers)), ckpt_path=ckpt, weights_only=True)
    finally:
        assert before == {s: signal.getsignal(s) for s in before}, "handlers were not given back"
        (out / f"left-{trainer.global_rank}").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), **dict(word.split("=") for word in sys.argv[2:]))
