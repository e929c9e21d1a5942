"""A tiny unified run with observers: python observed_run.py OUT STRATEGY DEVICES, one process of so many."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "modules"))
import unified_run as tiny

from unif2ace.callbacks.expert_usage import ExpertUsage
from unif2ace.callbacks.gradient_norms import GradientNorms
from unif2ace.callbacks.noise_levels import NoiseLevels
from unif2ace.callbacks.progress import TrainingProgress
from unif2ace.callbacks.samples import Samples
from unif2ace.callbacks.summary import RunSummary
from unif2ace.loggers.tensorboard import TensorBoardLogger
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.losses.load_balance import LoadBalanceLoss
from unif2ace.strategies.ddp import DDPStrategy
from unif2ace.strategies.fsdp import FSDPStrategy


class Text:
    """Words w2, w3, ...: two ids of nothing, then one of each word."""

    vocab_size, eos_id, pad_id = tiny.TEXT, 1, 0

    def encode_words(self, texts: list[str]) -> list[list[int]]:
        return [[int(word[1:]) for word in text.split()] for text in texts]

    def decode(self, ids: Any) -> str:
        return " ".join(f"w{int(i)}" for i in ids)


class Data(tiny.Data):
    text_tokenizer = Text()


class Tokenizer(tiny.Tokenizer):
    """Draws each code as a grey square."""

    last_layer = torch.zeros(1)

    def decode(self, ids: Tensor) -> Tensor:
        grey = (ids * 20).to(torch.uint8).view(-1, 1, 2, 2).expand(-1, 3, -1, -1)
        return nn.functional.interpolate(grey, scale_factor=4)


def module(**options: Any) -> pl.LightningModule:
    return tiny.module(**{"image_tokenizer": Tokenizer, **options})


def trainer(callbacks: list[pl.Callback], **options: Any) -> pl.Trainer:
    settings: dict[str, Any] = {
        "accelerator": "cpu", "precision": "64-true", "max_steps": tiny.STEPS, "logger": False,
        "enable_checkpointing": False, "enable_model_summary": False, "use_distributed_sampler": False,
        "num_sanity_val_steps": 0, "log_every_n_steps": 1, "enable_progress_bar": False,
    }  # fmt: skip
    return pl.Trainer(callbacks=[D3DiffLoss(), ARLoss(), LoadBalanceLoss(), *callbacks], **{**settings, **options})


def fit(callbacks: list[pl.Callback], ckpt: Path | None = None, made: Any = None, **options: Any) -> pl.Trainer:
    run = trainer(callbacks, **options)
    run.fit(made or module(), datamodule=Data(), ckpt_path=ckpt, weights_only=True if ckpt else None)
    return run


def observe(out: Path, rank: int, strategy: Any = "auto", ranks: int = 1) -> None:
    """A run with all observers; each rank would write to its own folder."""
    own = out / f"rank{rank}"
    samples = Samples(own / "samples", prompts=2, seeds=2, questions=2, instruction="w3")
    drawn: list[Any] = []
    draw, answer = samples._draw, samples._answer
    samples._draw = lambda *inputs: (drawn.append(draw(*inputs)), drawn[-1])[1]
    samples._answer = lambda *inputs: (drawn.append(answer(*inputs)), drawn[-1])[1]
    run = fit(
        [
            TrainingProgress(seconds=0.0), GradientNorms(1), ExpertUsage(own / "experts"), samples,
            NoiseLevels(own / "noise", every_n_steps=1), RunSummary(own),
        ],
        precision="32-true", strategy=strategy, devices=ranks, enable_progress_bar=True, gradient_clip_val=0.01,
        logger=TensorBoardLogger(str(own)), max_steps=2 * tiny.STEPS,
    )  # fmt: skip
    assert run.global_step == 2 * tiny.STEPS
    faces = [torch.from_numpy(face.faces) for face in drawn[0]]
    said = [(one.question, one.answer, one.truth, one.said) for one in drawn[1]]
    torch.save({"faces": torch.stack(faces), "captions": [d.caption for d in drawn[0]], "said": said}, f"{own}.pt")


if __name__ == "__main__":
    target, name, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    chosen = {"auto": "auto", "ddp": DDPStrategy, "fsdp": FSDPStrategy}[name]
    observe(target, int(os.environ.get("LOCAL_RANK", "0")), chosen if name == "auto" else chosen(), number)
