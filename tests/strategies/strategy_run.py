"""Trains a tiny unified model under strategies and saves what came of it: python strategy_run.py OUT "key=value ..."

One process of those that the environment names, as under torchrun, or the only one.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "modules"))

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.precision import DoublePrecision
from torchdata.stateful_dataloader import StatefulDataLoader
from unified_run import SIZE, TEXT, MeanColour, Tokenizer, batch

from unif2ace.callbacks.ema import EMA
from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.losses.load_balance import LoadBalanceLoss
from unif2ace.metrics.nelbo import NELBOMetric
from unif2ace.modules.unified import UnifiedModule
from unif2ace.nets.moe.feed_forwards.gelu import GELUFeedForward
from unif2ace.nets.moe.feed_forwards.swiglu import SwiGLUFeedForward
from unif2ace.nets.moe.grouped import GroupedMoE
from unif2ace.nets.sharding import whole
from unif2ace.nets.transformer.blocks.sequential import SequentialBlock
from unif2ace.nets.transformer.norms.rms_norm import RMSNorm
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.optimizers.muon import Muon
from unif2ace.strategies.auto import auto_strategy
from unif2ace.strategies.ddp import DDPStrategy
from unif2ace.strategies.fsdp import FSDPStrategy
from unif2ace.strategies.fsdp_tp import FSDPTPStrategy
from unif2ace.types import Batch

STEPS = 3
STRATEGIES = {"auto": auto_strategy, "ddp": DDPStrategy, "fsdp": FSDPStrategy, "fsdp_tp": FSDPTPStrategy}
OPTIMIZERS = {
    "adamw": partial(torch.optim.AdamW, lr=1e-3),
    "muon": partial(Muon, lr=0.02, adam_lr=2e-3),
    "sgd": partial(torch.optim.SGD, lr=0.05, momentum=0.9),
}


class Data(pl.LightningDataModule):
    """Rows are dealt to the ranks that see different data; with `alone`, each rank trains on one task."""

    text_tokenizer = SimpleNamespace(vocab_size=TEXT, eos_id=1)

    def __init__(self, alone: bool) -> None:
        super().__init__()
        self.alone = alone

    def _loader(self, first: int, alone: bool) -> StatefulDataLoader:
        kwargs = getattr(self.trainer.strategy, "distributed_sampler_kwargs", None) or {"rank": 0, "num_replicas": 1}
        place = kwargs["rank"], kwargs["num_replicas"]
        batches = [half(step, *place) if alone else batch(step, *place) for step in range(first, first + STEPS)]
        return StatefulDataLoader(batches, batch_size=None, shuffle=False)

    def train_dataloader(self) -> StatefulDataLoader:
        return self._loader(0, self.alone)

    def val_dataloader(self) -> StatefulDataLoader:
        return self._loader(100, False)


def half(step: int, rank: int, ranks: int) -> Batch:
    """The first half of the rows generates, the second answers."""
    found = batch(step)
    rows = torch.arange(len(found)).chunk(ranks)[rank]
    return found.map(lambda x: x[rows])


class Watched(UnifiedModule):
    """Keeps the weights at the start and the first gradients, clipped."""

    def configure_model(self) -> None:
        super().configure_model()
        self.start = {name: whole(value.detach()).clone() for name, value in self.net.state_dict().items()}

    def configure_gradient_clipping(self, optimizer: Any, *args: Any, **options: Any) -> None:
        super().configure_gradient_clipping(optimizer, *args, **options)
        if not hasattr(self, "gradients"):
            self.gradients = {n: whole(p.grad).clone() for n, p in self.net.named_parameters() if p.grad is not None}


GROUPS = {
    "words": {"patterns": ["embedding.weight", "*.attention.qkv.*"], "frozen": True},
    "router": {"patterns": "*.router.weight", "lr_factor": 3.0},
    "experts": {"patterns": "*.token_moe.*", "lr_factor": 0.5, "weight_decay": 0.3, "schedule": "constant"},
}


LAYERS: dict[str, dict[str, Any]] = {
    "showo": {"heads": 2},
    "qwen2": {"heads": 4, "num_kv_heads": 2, "norm": RMSNorm, "out_bias": False, "head_bias": False},
}


def module(optimizer: str, gradient_checkpointing: bool, layers: str, groups: bool = False) -> UnifiedModule:
    moe = GroupedMoE(
        num_experts=4,
        top_k=2,
        expert_ffn_dim=8,
        shared_ffn_dim=16,
        und_experts=("colour", "colour", "copy", "copy"),
        feed_forward=SwiGLUFeedForward if layers == "qwen2" else GELUFeedForward,
    )
    sizes = LAYERS[layers] | {"block": SequentialBlock, "moe": moe, "dim": 16, "depth": 2, "visual_dims": {"colour": 3}}

    def net(**found: Any) -> UnifiedNet:
        return UnifiedNet(**found, **sizes, gradient_checkpointing=gradient_checkpointing, image_pos_embed=True)

    return Watched(
        net,
        OPTIMIZERS[optimizer],
        metrics={"nelbo": NELBOMetric()},
        forward_process=AbsorbingProcess(CosineMaskgitSchedule()),
        image_tokenizer=Tokenizer,
        visual_encoders={"colour": MeanColour},
        image_size=SIZE,
        parameter_groups=GROUPS if groups else None,
    )


def train(
    strategy: str = "auto",
    devices: int = 1,
    optimizer: str = "adamw",
    clip: float | None = None,
    alone: bool = False,
    gradient_checkpointing: bool = False,
    ema: bool = False,
    accumulate: int = 1,
    groups: bool = False,
    double: bool = True,
    callbacks: Sequence[pl.Callback] = (),
    start: Path | None = None,
    layers: str = "showo",
    **options: Any,
) -> dict[str, Any]:
    pl.seed_everything(3, workers=True, verbose=False)
    made = module(optimizer, gradient_checkpointing, layers, groups)
    if strategy == "auto":
        options["world_size"] = devices
    run = pl.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy=STRATEGIES[strategy](**options),
        plugins=[DoublePrecision()] if double else None,  # Lightning refuses the word, not the plugin
        max_steps=STEPS,
        max_epochs=-1,
        callbacks=[D3DiffLoss(), ARLoss(), LoadBalanceLoss(), *([EMA(0.5)] if ema else []), *callbacks],
        gradient_clip_val=clip,
        accumulate_grad_batches=accumulate,
        logger=False,
        enable_checkpointing=bool(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
    )
    run.fit(made, datamodule=Data(alone), ckpt_path=start, weights_only=True)
    assert run.global_step == STEPS
    state = {name: whole(value.detach()) for name, value in made.net.state_dict().items()}
    found = {name: float(value) for name, value in run.callback_metrics.items()}
    return {"state": state, "found": found, "start": made.start, "gradients": made.gradients}


def words_of(case: str) -> dict[str, Any]:
    pairs = [word.partition("=")[::2] for word in case.split()]
    return {key: ast.literal_eval(value) if value[:1] in "0123456789TFN" else value for key, value in pairs}


if __name__ == "__main__":
    torch.set_num_threads(1)
    done = {case: train(**words_of(case)) for case in sys.argv[2:]}
    if int(os.environ.get("LOCAL_RANK", "0")) == 0:
        torch.save(done, Path(sys.argv[1]))
