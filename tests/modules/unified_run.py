"""Trains a tiny unified model in float64 and saves its weights: python unified_run.py OUT devices=2.

In a file of its own because Lightning starts its other processes from the command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.losses.load_balance import LoadBalanceLoss
from unif2ace.metrics.nelbo import NELBOMetric
from unif2ace.modules.unified import UnifiedModule
from unif2ace.nets.moe.grouped import GroupedMoE
from unif2ace.nets.transformer.blocks.sequential import SequentialBlock
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.sequence.conversation import join_turns
from unif2ace.types import Batch, Condition, Contrasts, Task

STEPS, GENERATE, ANSWER = 3, 4, 4
CODES, TOKENS, SIZE, TEXT, EOS = 11, 4, 8, 20, 1


class Tokenizer(nn.Module):
    """Not a network: batches come with their tokens."""

    factor = 4

    def __init__(self) -> None:
        super().__init__()
        table = torch.randn(CODES, 3, generator=torch.Generator().manual_seed(0))
        self.quantizer = SimpleNamespace(num_codes=CODES, decode_ids=lambda ids: table[ids].permute(0, 3, 1, 2))


class MeanColour(VisualEncoder):
    dim = 3

    def forward(self, image: Tensor) -> Condition:
        values = torch.stack([image.double().mean((2, 3)), image.double().amin((2, 3))], 1) / 255
        return Condition(values, torch.ones(len(image), dtype=torch.bool))


def batch(step: int, part: int = 0, parts: int = 1, generate: int = GENERATE, answer: int = ANSWER) -> Batch:
    """Rows of one step; of both tasks a rank gets its part. Some rows are not valid, some texts empty."""
    draw = torch.Generator().manual_seed(step)

    def number(high: int, *shape: int) -> Tensor:
        return torch.randint(0, high, shape, generator=draw)

    tasks = [Task.TEXT_TO_IMAGE] * generate + [Task.UNDERSTANDING] * answer
    rows = len(tasks)
    image, image_ids = number(256, rows, 3, SIZE, SIZE).to(torch.uint8), number(CODES, rows, TOKENS)
    asked = _cut(2 + number(TEXT - 2, rows, 5), number(6, rows))
    answers = _cut(2 + number(TEXT - 2, rows, 4), 1 + number(4, rows))
    whole = Batch(
        task=torch.tensor(tasks, dtype=torch.int8),
        index=torch.arange(rows) + rows * step,
        valid=torch.arange(rows) % 3 != 1,
        image=image,
        image_ids=image_ids,
        **_text(asked[:generate], [*zip(asked[generate:], answers[generate:], strict=True)]),
    )
    own = torch.cat([torch.arange(generate).chunk(parts)[part], generate + torch.arange(answer).chunk(parts)[part]])
    return whole.map(lambda x: x[own])


def _cut(ids: Tensor, length: Tensor) -> list[list[int]]:
    return [row[:end] for row, end in zip(ids.tolist(), length.tolist(), strict=True)]


def _text(captions: list[list[int]], asked: list[tuple[list[int], list[int]]]) -> dict[str, Tensor]:
    """The text of captions, and of conversations of one question each."""
    turns = [join_turns([turn], EOS, TEXT) for turn in asked]
    ids = [*captions, *(turn.ids for turn in turns)]
    losses = [*([False] * len(caption) for caption in captions), *(turn.loss for turn in turns)]
    width = max(map(len, ids))
    text = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids])
    loss = torch.tensor([[*row, *[False] * (width - len(row))] for row in losses])
    return {"text": text, "text_length": torch.tensor([*map(len, ids)]), "text_loss": loss}


class Data(pl.LightningDataModule):
    text_tokenizer = SimpleNamespace(vocab_size=TEXT, eos_id=EOS)

    def __init__(self, generate: int = GENERATE, answer: int = ANSWER) -> None:
        super().__init__()
        self.rows = generate, answer

    def _loader(self, first: int) -> DataLoader:
        rank = self.trainer.global_rank, self.trainer.world_size
        batches = [batch(first + step, *rank, *self.rows) for step in range(STEPS)]
        return DataLoader(batches, batch_size=None, shuffle=False)

    def cached(self, name: str, settings: object, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        return compute()

    def captions(self, number: int) -> list[Batch]:
        return [batch(50 + step, generate=8) for step in range(number // 2048)]

    def contrasts(self, number: int) -> Contrasts:
        faces = sum(len(some) for some in self.captions(number))
        words = torch.arange(2, 2 + faces)[:, None] % TEXT
        return Contrasts(torch.arange(faces), words, (words + 1) % TEXT)

    def train_dataloader(self) -> DataLoader:
        return self._loader(0)

    def val_dataloader(self) -> DataLoader:
        return self._loader(100)


def module(kind: type[UnifiedModule] = UnifiedModule, **options) -> UnifiedModule:
    moe = GroupedMoE(
        num_experts=4, top_k=2, expert_ffn_dim=8, shared_ffn_dim=16, und_experts=("colour", "colour", "copy", "copy")
    )
    sizes = {
        "block": SequentialBlock,
        "moe": moe,
        "dim": 16,
        "depth": 2,
        "heads": 2,
        "visual_dims": {"colour": 3},
        "grounded_words": True,
    }
    process = AbsorbingProcess(CosineMaskgitSchedule())
    settings = {
        "forward_process": process,
        "image_tokenizer": Tokenizer,
        "visual_encoders": {"colour": MeanColour},
        "image_size": SIZE,
    }

    def net(**found: int) -> UnifiedNet:
        torch.manual_seed(1)
        return UnifiedNet(**found, **sizes)

    return kind(
        net,
        partial(torch.optim.SGD, lr=0.05, momentum=0.9),
        metrics={"nelbo": NELBOMetric()},
        **{**settings, **options},
    )


def trainer(losses: list[pl.Callback], devices: int = 1, **options) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision="64-true",
        max_steps=STEPS,
        callbacks=losses,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        **options,
    )


def train(devices: int = 1, generate: int = GENERATE, answer: int = ANSWER) -> UnifiedModule:
    made = module()
    run = trainer([D3DiffLoss(), ARLoss(), LoadBalanceLoss()], devices)
    run.fit(made, datamodule=Data(generate, answer))
    assert run.global_step == STEPS
    made.found = {name: float(value) for name, value in run.callback_metrics.items()}
    return made


if __name__ == "__main__":
    options = {key: int(value) for key, value in (word.split("=") for word in sys.argv[2:])}
    trained = train(**options)
    if int(os.environ.get("LOCAL_RANK", "0")) == 0:
        torch.save({"state": trained.state_dict(), "found": trained.found}, Path(sys.argv[1]))
