"""Four processes: two that see different rows, times two that share each layer; and sizes that cannot be divided."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ranks import run_ranks
from strategy_run import train, words_of

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.feed_forward import FeedForward
from unif2ace.nets.moe.routed import RoutedExperts
from unif2ace.nets.unified.attention import Attention
from unif2ace.strategies.fsdp import FSDPStrategy
from unif2ace.strategies.fsdp_tp import FSDPTPStrategy


@pytest.mark.slow
def test_rows_and_layers_divided_at_once_train_as_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings, out = "optimizer=muon clip=0.05 ema=True", tmp_path / "out.pt"
    case = f"strategy=fsdp_tp devices=4 {settings}"
    run_ranks(Path(__file__).with_name("strategy_run.py"), str(out), case, ranks=4)
    found = torch.load(out)[case]
    monkeypatch.setattr(os, "environ", dict(os.environ))
    expected = train(**words_of(settings))
    for what in ("start", "gradients", "state"):
        for name, value in expected[what].items():
            torch.testing.assert_close(
                found[what][name], value, rtol=1e-8, atol=1e-10, msg=lambda m, w=what, n=name: f"{w} {n}: {m}"
            )


THREE: Any = SimpleNamespace(size=lambda: 3)


@pytest.mark.parametrize(
    ("layer", "key"),
    [
        (Attention(16, 4), "net.heads=4"),
        (FeedForward(16, 64), "moe.hidden, 64"),
        (RoutedExperts(16, 8), "moe.expert_hidden, 8"),
    ],
    ids=["heads", "hidden", "experts"],
)
def test_sizes_that_cannot_be_divided_are_named(layer: Any, key: str):
    with pytest.raises(ConfigError, match=f"tensor_parallel_size=3 does not divide {key}"):
        layer.cut_(THREE)


def test_processes_that_cannot_be_divided_are_told():
    strategy = FSDPTPStrategy(tensor_parallel_size=2)
    strategy.parallel_devices = [torch.device("cpu")] * 3
    with pytest.raises(ConfigError, match="does not divide the 3 processes"):
        strategy.setup_environment()


def test_what_a_processor_cannot_do_is_told():
    strategy = FSDPStrategy(cpu_offload=True)
    strategy.parallel_devices = [torch.device("cpu")]
    with pytest.raises(ConfigError, match=r"strategy\.cpu_offload and strategy\.gather_in are for GPUs"):
        strategy._sharding()
