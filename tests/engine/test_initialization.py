"""Fine-tuning: what a run starts from, what is refused, and what a resumed one keeps."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from unif2ace.commands import train as command
from unif2ace.engine import compose
from unif2ace.engine.initialization import open_first, start_from
from unif2ace.engine.weights import Weights, load_net, read_header, read_weights, save_weights
from unif2ace.errors import ConfigError, DataError

SMALL = [
    "module=tokenizer", "net=patch", "net.channels=[32]", "net.encoder_blocks=[1]", "net.decoder_blocks=[1]",
    "quantizer=fsq", "codebook_size=256", "loss=[reconstruction]", "metric=[psnr]", "lr_scheduler=none", "logger=none",
    "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=4", "data.steps_per_epoch=2", "data.max_eval_samples=2", "trainer.max_steps=2",
    "callbacks=[ema]",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def first(root: Path) -> Weights:
    _train(root, root / "first", "optimizer.lr=0.05")
    return read_weights(root / "first")


def _train(root: Path, run: Path, *words: str) -> None:
    command.train(compose("train", [*SMALL, f"paths.root={root}", f"run_dir={run}", *words]))


def _weights(path: Path, header: dict[str, Any] | None = None) -> Weights:
    state = torch.nn.Linear(3, 4).state_dict()
    config = {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 4}
    return save_weights(path / "weights.safetensors", state, kind="unified", config=config, provenance=header)


def _started(weights: Weights, net: torch.nn.Module, text: Path | None = None) -> None:
    data = SimpleNamespace(text_tokenizer=None if text is None else SimpleNamespace(path=text))
    start_from(weights, {}).on_fit_start(SimpleNamespace(datamodule=data), SimpleNamespace(net=net))  # type: ignore


def test_a_run_that_learns_nothing_ends_with_the_weights_that_it_started_from(
    root: Path, first: Weights, tmp_path: Path
):
    _train(root, tmp_path, f"init_from={root / 'first'}", "optimizer.lr=0", "optimizer.weight_decay=0", "seed=7")
    found = read_weights(tmp_path)
    assert found.header["started_from"] == first.short
    assert found.header["steps"] == 2
    torch.testing.assert_close(found.state, first.state, rtol=0, atol=0)


def test_a_resumed_run_goes_on_from_its_own_weights_and_says_what_they_began_with(
    root: Path, first: Weights, tmp_path: Path
):
    words = ["optimizer.lr=0.05", "resume=auto", "callbacks.ema.decay=0.5"]
    _train(root, tmp_path / "a", f"init_from={first.path}", *words)
    before = read_weights(tmp_path / "a")
    assert before.header["steps"] == 2
    words.append("trainer.max_steps=4")
    _train(root, tmp_path / "a", "init_from=/not/there/any/more", *words)
    after = read_weights(tmp_path / "a")
    assert (after.header["steps"], after.header["started_from"]) == (4, first.short)
    _train(root, tmp_path / "b", f"init_from={first.path}", *words)
    torch.testing.assert_close(after.state, read_weights(tmp_path / "b").state, rtol=0, atol=0)


def test_a_network_of_another_size_is_named(root: Path, first: Weights, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"has shape .*the configuration that these weights were trained with"):
        _train(root, tmp_path, f"init_from={first.path}", "net.channels=[48]")


def test_weights_of_another_kind_are_refused(root: Path, first: Weights):
    with pytest.raises(ConfigError, match="has kind 'tokenizer': this run needs weights of kind 'unified'"):
        open_first(root / "first", "unified")
    with pytest.raises(DataError, match="no weights at"):
        open_first(root / "fist", "tokenizer")


@pytest.mark.parametrize("kind", ["tokenizer", "attributes", "unified"])
def test_builtin_stands_for_the_part_of_each_kind(kind: str):
    assert open_first("builtin", kind).kind == kind
    assert read_header("builtin", kind)["kind"] == kind
    if kind != "unified":
        assert next(load_net("builtin", kind).parameters()).dtype == torch.float32


def test_the_same_numbers_must_mean_the_same_words(tmp_path: Path):
    weights = _weights(tmp_path / "run")
    ours, theirs = tmp_path / "ours.json", tmp_path / "run" / "tokenizer.json"
    ours.write_text("a"), theirs.write_text("b")
    with pytest.raises(ConfigError, match=f"data.text_tokenizer={theirs}"):
        _started(weights, torch.nn.Linear(3, 4), ours)
    theirs.write_text("a")
    net = torch.nn.Linear(3, 4)
    _started(weights, net, ours)
    assert torch.equal(net.weight, weights.state["weight"])


class _Growing(torch.nn.Linear):
    optional_parts = ("more",)

    def __init__(self) -> None:
        super().__init__(3, 4)
        self.more = torch.nn.Linear(4, 4, bias=False)

    def zero_init_(self) -> None:
        torch.nn.init.zeros_(self.more.weight)


def test_a_part_that_weights_may_lack_starts_without_effect(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    weights, net = _weights(tmp_path), _Growing()
    with caplog.at_level(logging.INFO):
        _started(weights, net)
    assert torch.equal(net.weight, weights.state["weight"])
    assert not net.more.weight.any()
    assert "the weights have no more: this part starts with no effect" in caplog.text
    net.optional_parts = ()  # type: ignore[misc]
    with pytest.raises(ConfigError, match=r"lacks tensor 'more.weight'"):
        _started(weights, net)


def test_other_components_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    weights = _weights(tmp_path, {"components": {"tokenizer": {"path": "a", "fingerprint": "1" * 64}}})
    with caplog.at_level(logging.WARNING):
        start_from(weights, {"tokenizer": {"path": "b", "fingerprint": "1" * 64}})
        assert not caplog.text
        start_from(weights, {"tokenizer": {"path": "b", "fingerprint": "2" * 64}})
    assert f"with tokenizer {'1' * 12}, this run uses {'2' * 12}" in caplog.text


def test_another_way_to_build_the_network_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    state = torch.nn.Linear(3, 4).state_dict()
    config = {
        "dim": 4,
        "early": False,
        "moe": {"top_k": 2, "residual_scale_init": 1.0, "backend": "auto"},
        "only_theirs": 1,
    }
    weights = save_weights(tmp_path / "weights.safetensors", state, kind="unified", config=config, provenance={})
    with caplog.at_level(logging.WARNING):
        start_from(
            weights,
            {},
            {**config, "only_ours": True, "moe": {"top_k": 2, "residual_scale_init": 0.0, "backend": "cpu"}},
        )
        assert not caplog.text
        start_from(weights, {}, {**config, "early": True})
    assert "another setting (old -> new): net.early: False -> True" in caplog.text


def test_a_network_that_is_cut_over_processes_gets_its_part(tmp_path: Path):
    weights, net = _weights(tmp_path), torch.nn.Linear(3, 4)
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        fully_shard(net, mesh=init_device_mesh("cpu", (1,)))
        _started(weights, net)
        assert isinstance(net.weight, DTensor)
        assert torch.equal(net.weight.full_tensor(), weights.state["weight"])
    finally:
        dist.destroy_process_group()
