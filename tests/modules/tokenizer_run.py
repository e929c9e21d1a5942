"""Trains a tiny tokenizer with a discriminator in float64 and saves its weights: python tokenizer_run.py OUT key=value.

In a file of its own because Lightning starts its other processes from the command line.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unif2ace.losses.adversarial import AdversarialLoss
from unif2ace.losses.reconstruction import ReconstructionLoss
from unif2ace.modules.tokenizer import TokenizerModule
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.nets.tokenizer.patch import PatchNet
from unif2ace.types import Batch, Quantized, Task

ROWS, STEPS, SIZE = 8, 4, 16


class Rounded(Quantizer):
    """Codes are integers -2..2 in each channel: no state, so that runs can be compared exactly."""

    dim, num_codes = 2, 25

    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        codes = z.clamp(-2, 2).round().detach()
        ids = ((codes[:, 0] + 2) * 5 + codes[:, 1] + 2).long()
        return Quantized(z, codes, z + (codes - z).detach(), ids, num_codes=self.num_codes)

    def decode_ids(self, ids: Tensor) -> Tensor:
        return torch.stack([ids // 5 - 2, ids % 5 - 2], dim=1).double()


class Discriminator(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 8, 4, stride=4), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 1))


def batches(rows: int, part: int = 0, parts: int = 1) -> list[Batch]:
    """All pictures in one order, cut into batches; of each global batch a rank gets its part."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (STEPS * ROWS, 3, SIZE, SIZE), generator=draw, dtype=torch.uint8)
    index = torch.arange(len(images)).view(-1, parts, rows)[:, part]
    valid = torch.arange(len(images)) % 5 != 0
    task = torch.full((rows,), int(Task.IMAGE), dtype=torch.int8)
    return [Batch(task, i, valid[i], image=images[i]) for i in index]


class Data(pl.LightningDataModule):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def train_dataloader(self) -> DataLoader:
        return DataLoader(
            batches(self.rows, self.trainer.global_rank, self.trainer.world_size), batch_size=None, shuffle=False
        )


def module(adaptive: bool = False, start: int = 0) -> tuple[TokenizerModule, list[pl.Callback]]:
    torch.manual_seed(1)
    net = PatchNet(Rounded, patch=2, channels=(16, 32), encoder_blocks=(1, 1), decoder_blocks=(1, 1), attention=1)
    discriminator = Discriminator()
    made = TokenizerModule(
        lambda: net,
        partial(torch.optim.SGD, lr=0.05, momentum=0.9),
        discriminator=lambda: discriminator,
        discriminator_lr=0.02,
    )
    return made, [ReconstructionLoss(l2=1.0), AdversarialLoss(weight=0.5, start=start, adaptive=adaptive)]


def train(devices: int = 1, accumulate: int = 1, start: int = 0, adaptive: bool = False) -> TokenizerModule:
    made, losses = module(adaptive, start)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision="64-true",
        max_steps=STEPS,
        accumulate_grad_batches=accumulate,
        gradient_clip_val=0.5,
        callbacks=losses,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(made, datamodule=Data(ROWS // devices // accumulate))
    assert trainer.global_step == STEPS
    return made


if __name__ == "__main__":
    options = {key: int(value) for key, value in (word.split("=") for word in sys.argv[2:])}
    trained = train(**options)
    if int(os.environ.get("LOCAL_RANK", "0")) == 0:
        torch.save(trained.state_dict(), Path(sys.argv[1]))
