"""Four processes: two that see different rows, times two that share each layer; and sizes that cannot be divided."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from ranks import run_ranks
from strategy_run import train, words_of
from torch.distributed.device_mesh import init_device_mesh

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.feed_forwards.gelu import GELUFeedForward
from unif2ace.nets.moe.feed_forwards.swiglu import SwiGLUFeedForward
from unif2ace.nets.moe.routed import RoutedExperts
from unif2ace.nets.transformer.attentions.multi_head import MultiHeadAttention
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
        (MultiHeadAttention(16, 4), "net.heads=4"),
        (MultiHeadAttention(24, 6, num_kv_heads=2), "net.num_kv_heads=2"),
        (SwiGLUFeedForward(16, 64), "moe.shared_ffn_dim, which is 64"),
        (GELUFeedForward(16, 64), "moe.shared_ffn_dim, which is 64"),
        (RoutedExperts(16, 8), "moe.expert_ffn_dim, which is 8"),
    ],
    ids=["heads", "key-value heads", "hidden", "hidden", "experts"],
)
def test_sizes_that_cannot_be_divided_are_named(layer: Any, key: str):
    with pytest.raises(ConfigError, match=f"tensor_parallel_size=3: it must divide {key}"):
        layer.shard_(THREE)


def test_processes_that_cannot_be_divided_are_told():
    strategy = FSDPTPStrategy(tensor_parallel_size=2)
    strategy.parallel_devices = [torch.device("cpu")] * 3
    with pytest.raises(ConfigError, match="does not divide the 3 processes"):
        strategy.setup_environment()


def test_groups_within_the_whole_wait_as_long_as_it_does(monkeypatch: pytest.MonkeyPatch):
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        strategy = FSDPTPStrategy(tensor_parallel_size=1, timeout=33.0)
        strategy.parallel_devices = [torch.device("cpu")]
        names = ("data_parallel", "tensor_parallel")
        strategy._device_mesh = init_device_mesh("cpu", (1, 1), mesh_dim_names=names)
        strategy._sharding()
        groups = [strategy.device_mesh[name].get_group() for name in names]
        assert [_patience(group) for group in groups] == [33.0, 33.0]
        for name in ("set_timeout", "_set_pg_timeout"):
            monkeypatch.delattr(dist, name, raising=False)
            monkeypatch.delattr(dist.distributed_c10d, name, raising=False)
        strategy._sharding()  # a torch that offers neither
    finally:
        dist.destroy_process_group()


def _patience(group: Any) -> float:
    return group._get_backend(torch.device("cpu")).options._timeout.total_seconds()


@pytest.mark.slow
def test_layers_that_are_shared_go_on_from_their_own_checkpoint(tmp_path: Path):
    run_ranks(Path(__file__).with_name("shared_resume_run.py"), str(tmp_path))
    whole, resumed = (torch.load(tmp_path / name) for name in ("whole.pt", "resumed.pt"))
    assert resumed["losses"] == {step: loss for step, loss in whole["losses"].items() if step > 2}
    assert resumed["losses"]
    torch.testing.assert_close(resumed["state"], whole["state"], rtol=0, atol=0)


def test_what_a_processor_cannot_do_is_told():
    strategy = FSDPStrategy(cpu_offload=True)
    strategy.parallel_devices = [torch.device("cpu")]
    with pytest.raises(ConfigError, match=r"strategy\.cpu_offload and strategy\.param_dtype need a GPU"):
        strategy._sharding()
