"""Trains the tiny tokenizer of another test under strategies: python tokenizer_strategies.py OUT "key=value ..." ...

One process of those that the environment names. The discriminator is not part of the network that is cut.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "modules"))

import lightning.pytorch as pl
import tokenizer_run as tiny
import torch
from lightning.pytorch.plugins.precision import DoublePrecision
from strategy_run import STRATEGIES, words_of

from unif2ace.nets.sharding import whole


def train(strategy: str, adaptive: bool = False, start: int = 0, accumulate: int = 1) -> dict[str, torch.Tensor]:
    made, losses = tiny.module(adaptive, start)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=2,
        strategy=STRATEGIES[strategy](),
        plugins=[DoublePrecision()],
        max_steps=tiny.STEPS,
        accumulate_grad_batches=accumulate,
        gradient_clip_val=0.5,
        callbacks=losses,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(made, datamodule=tiny.Data(tiny.ROWS // 2 // accumulate))
    assert trainer.global_step == tiny.STEPS
    return {name: whole(value.detach()) for name, value in made.state_dict().items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    done: dict[str, Any] = {case: train(**words_of(case)) for case in sys.argv[2:]}
    if os.environ["LOCAL_RANK"] == "0":
        torch.save(done, Path(sys.argv[1]))
