"""A toy whose steps are guarded, with batches that are not finite on purpose; and its run on two ranks."""

from __future__ import annotations

import os
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.utils.data import DataLoader

from unif2ace.modules.guard import NotFiniteError, StepGuard
from unif2ace.nets.sharding import local
from unif2ace.optimizers.muon import Muon

OPTIMIZERS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "muon": lambda p: Muon(p, lr=0.05),
}
BAD = {"nan batch": (float("nan"), 0.0), "infinite loss": (0.0, float("inf"))}
"""What is added to the batch, and to its loss without a gradient."""


class Guarded(pl.LightningModule):
    """Keeps its weights and the optimiser's state after each batch."""

    def __init__(self, optimizer: str = "adamw", max_nonfinite_steps: int = 10, bad: str = "nan batch") -> None:
        super().__init__()
        self.guard = StepGuard(max_nonfinite_steps)
        self.make, self.added = OPTIMIZERS[optimizer], BAD[bad]
        self.net: nn.Module | None = None
        self.seen: list[list[Tensor]] = []
        self.rates: list[float] = []

    def configure_model(self) -> None:
        if self.net is None:
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
            if isinstance(self.trainer.strategy, ModelParallelStrategy):
                fully_shard(self.net, mesh=self.device_mesh["data_parallel"])

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        x, bad = batch
        loss = (self.net(x + bad * self.added[0] if bad else x) - 1).square().mean()
        loss = loss + self.added[1] if bad else loss
        self.guard.see(loss, batch_idx)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.guard.check(self, optimizer)

    def on_train_batch_end(self, *_: Any) -> None:
        states = [v for s in self.optimizers().state.values() for v in s.values() if isinstance(v, Tensor)]
        self.seen.append([local(t.detach()).clone() for t in (*self.parameters(), *states)])
        self.rates.append(self.optimizers().param_groups[0]["lr"])

    def configure_optimizers(self) -> Any:
        optimizer = self.make(self.parameters())
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, 10)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit(module: Guarded, bad: set[int], batches: int = 6, **options: Any) -> pl.Trainer:
    rows = torch.randn(batches, 2, 4, generator=torch.Generator().manual_seed(1))
    data = [(row, torch.tensor(float(i in bad))) for i, row in enumerate(rows)]
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, use_distributed_sampler=False, gradient_clip_val=1.0, **options,
    )  # fmt: skip
    trainer.fit(module, DataLoader(data, batch_size=None, shuffle=False))
    return trainer


def on_rank(rank: int, port: int, folder: str) -> None:
    """Three runs; only rank 1 meets what is not finite."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    ways = {"ddp": DDPStrategy, "fsdp": lambda: ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1)}
    for name, strategy in ways.items():
        module = Guarded()
        trainer = fit(module, {2} if rank else set(), devices=2, strategy=strategy(), callbacks=[])
        found[name] = {"seen": module.seen, "skipped": module.guard.skipped, "steps": trainer.global_step}
    try:
        fit(Guarded(max_nonfinite_steps=2), {1, 2, 3} if rank else set(), devices=2, strategy=DDPStrategy())
    except NotFiniteError as error:
        found["error"] = str(error)
    torch.save(found, f"{folder}/{rank}.pt")
