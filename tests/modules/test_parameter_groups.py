"""Named parameter groups in runs: the log, frozen weights, resuming and the summary."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
import unified_run
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor

from unif2ace.callbacks.ema import EMA
from unif2ace.callbacks.summary import RunSummary
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.lr_schedulers.cosine import CosineScheduler
from unif2ace.modules.unified import UnifiedModule
from unif2ace.optimizers.muon import Muon

GROUPS = {
    "router": {"patterns": "*.token_moe.*.router.weight", "adam_lr": 0.005},
    "language": {"patterns": ["embedding.weight", "*.attention.*"], "frozen": True},
}
STEPS = 6


def _module() -> UnifiedModule:
    made = unified_run.module(parameter_groups=GROUPS, lr_scheduler=partial(CosineScheduler, warmup=2))
    made._make_optimizer = partial(Muon, lr=0.02)
    return made


def _fit(steps: int, callbacks: list[pl.Callback], ckpt: Path | None = None, **options: Any) -> UnifiedModule:
    made = _module()
    run = pl.Trainer(
        accelerator="cpu", devices=1, precision="64-true", max_steps=steps, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=True, num_sanity_val_steps=0, log_every_n_steps=1,
        limit_val_batches=0, callbacks=[D3DiffLoss(), ARLoss(), EMA(0.5), *callbacks], **options,
    )  # fmt: skip
    run.fit(made, datamodule=unified_run.Data(), ckpt_path=ckpt, weights_only=True if ckpt else None)
    assert run.global_step == steps
    return made


def _initial() -> dict[str, Tensor]:
    made = _module()
    unified_run.trainer([D3DiffLoss(), ARLoss()], limit_train_batches=0).fit(made, datamodule=unified_run.Data())
    return {name: value.clone() for name, value in made.net.state_dict().items()}


def test_a_run_logs_rates_by_name_keeps_frozen_weights_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def saves(name: str) -> pl.Callback:
        return pl.callbacks.ModelCheckpoint(tmp_path / name, every_n_train_steps=3, save_top_k=-1, filename="{step}")

    logger = CSVLogger(tmp_path, name="", version="")
    monitor = pl.callbacks.LearningRateMonitor("step")
    whole = _fit(STEPS, [monitor, saves("whole"), RunSummary(tmp_path, show=False)], logger=logger)
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    assert not any("/pg" in name for name in names)
    rates = [float(line.split(",")[names.index("lr-Muon/router")] or "nan") for line in lines[1:]]
    rates = [rate for rate in rates if rate == rate]
    assert max(rates) == pytest.approx(0.005)
    assert min(rates) < 0.0026  # the schedule holds for it too

    frozen = [n for n, p in whole.net.named_parameters() if not p.requires_grad]
    assert {"embedding.weight", "blocks.0.attention.qkv.weight"} <= set(frozen)
    start, saved = _initial(), torch.load(tmp_path / "whole" / "step=6.ckpt", weights_only=True)
    for state in (whole.net.state_dict(), {n.removeprefix("net."): v for n, v in saved["state_dict"].items()}):
        assert all(torch.equal(state[name], start[name]) for name in frozen)
        assert not torch.equal(state["head.weight"], start["head.weight"])
    held = sum(len(group["params"]) for group in saved["optimizer_states"][0]["param_groups"])
    assert held == len(list(whole.net.parameters())) - len(frozen)
    number = sum(p.numel() for p in whole.net.parameters() if not p.requires_grad)
    assert f"{number:,} frozen" in (tmp_path / "summary.txt").read_text()

    again = _fit(STEPS, [saves("again")], tmp_path / "whole" / "step=3.ckpt", logger=False)
    for name, value in whole.net.state_dict().items():
        assert torch.equal(again.net.state_dict()[name], value), name
