"""Low-rank adapters: they alone change, and merging them keeps the function."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
import unified_run
from torch import Tensor

from unif2ace.engine.adapters import ADAPTERS_FILE, merge_adapters, save_adapters
from unif2ace.engine.initialization import open_first, start_from
from unif2ace.engine.weights import Weights, read_weights, save_weights
from unif2ace.errors import ConfigError
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.modules.unified import UnifiedModule
from unif2ace.nets.lora import LoRA, adapted_names, merged
from unif2ace.optimizers.muon import Muon

pytest.importorskip("peft", reason="needs peft: make test-extras")

TREE = {"kind": "unified", "net": {}, "module": {"finetune": {"rank": 2, "alpha": 6.0}}}


def _module(lora: LoRA | None) -> UnifiedModule:
    made = unified_run.module(finetune=lora)
    made._make_optimizer = partial(Muon, lr=0.02, adam_lr=0.05)
    return made


def _fit(made: UnifiedModule, *callbacks: pl.Callback, **options: Any) -> dict[str, Tensor]:
    run = unified_run.trainer([*callbacks, D3DiffLoss(), ARLoss()], limit_val_batches=0, **options)
    run.fit(made, datamodule=unified_run.Data())
    return {name: value.detach().clone() for name, value in made.net.state_dict().items()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    state = _fit(_module(None))
    folder = tmp_path_factory.mktemp("base")
    return save_weights(folder / "weights.safetensors", state, kind="unified", config={}, provenance={})


@pytest.fixture(scope="module")
def tuned(base: Weights) -> UnifiedModule:
    made, first = _module(LoRA(rank=2, alpha=6.0)), open_first(base.path, "unified")
    made.expect_weights(first.state.keys())
    made.after = _fit(made, start_from(first, {}, {}))
    return made


def test_only_adapters_change(base: Weights, tuned: UnifiedModule):
    trained = {name for name, parameter in tuned.net.named_parameters() if parameter.requires_grad}
    assert len(trained) == 2 * 2 * 6  # A and B of two blocks: qkv, out, and both layers of two shared experts
    assert all(".lora_" in name for name in trained)
    start = adapted_names(base.state, {n: torch.zeros_like(v) for n, v in tuned.after.items()})
    for name, value in tuned.after.items():
        assert (name in trained) != torch.equal(value, start[name]), name
    groups = tuned.optimizer_groups()
    assert [(g["name"], g["orthogonal"]) for g in groups] == [("table", False)]


def test_merging_keeps_the_function(base: Weights, tuned: UnifiedModule, tmp_path: Path):
    plain = _module(None)
    _fit(plain, limit_train_batches=0)
    batch = unified_run.batch(7)

    def hidden(module: UnifiedModule) -> Tensor:
        codes = module.codes(batch)
        never = torch.zeros(len(batch), dtype=torch.bool)
        unfinished = module.forward_process.corrupt(torch.arange(4), codes[:4], module_noise(codes), 11)
        sequences = module.build_sequences(batch, codes, unfinished, never).sequences
        with torch.no_grad():
            return module.eval().unified(sequences).values

    expected = hidden(tuned)
    plain.net.load_state_dict(dict(base.state))
    assert not torch.allclose(hidden(plain), expected, atol=1e-3)
    plain.net.load_state_dict(merged(tuned.after, 3.0))
    torch.testing.assert_close(hidden(plain), expected)

    tree = {**TREE, "started_from": base.short}
    file = save_adapters(tmp_path, tuned.after, tree)
    assert file == tmp_path / ADAPTERS_FILE
    assert file.stat().st_size < base.path.stat().st_size / 2
    written = merge_adapters(file, base.path, tmp_path / "merged.safetensors")
    assert written.kind == "unified"
    plain.net.load_state_dict(dict(read_weights(tmp_path / "merged.safetensors").state))
    torch.testing.assert_close(hidden(plain), expected)
    half = save_weights(tmp_path / "half.safetensors", base.state, kind="unified", config={}, dtype="float16")
    file = save_adapters(tmp_path, tuned.after, {**TREE, "started_from": half.short})
    (tmp_path / "tokenizer.json").write_text("{}")
    written = merge_adapters(file, half.path, tmp_path / "other" / "merged.safetensors")
    assert {v.dtype for v in written.state.values() if v.is_floating_point()} == {torch.float64}
    assert (tmp_path / "other" / "tokenizer.json").read_text() == "{}"
    (tmp_path / "other" / "tokenizer.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"differs from the run.s text tokenizer"):
        merge_adapters(file, half.path, tmp_path / "other" / "merged.safetensors")
    with pytest.raises(ConfigError, match="give the weights that init_from named"):
        merge_adapters(file, tmp_path / "merged.safetensors", tmp_path / "twice.safetensors")
    with pytest.raises(ConfigError, match=ADAPTERS_FILE):
        merge_adapters(base.path, base.path, tmp_path / "twice.safetensors")


def module_noise(codes_BN: Tensor) -> Any:
    from unif2ace.diffusion.noise import SampleNoise, Stream

    return SampleNoise.draw(0, Stream.VALIDATION, torch.arange(4), codes_BN.shape[1])


def test_without_adapters_nothing_is_written_or_merged(base: Weights, tmp_path: Path):
    assert save_adapters(tmp_path, base.state, TREE) is None
    assert not list(tmp_path.iterdir())
    assert merged(base.state, 0.0).keys() == base.state.keys()


def test_adapters_need_trained_weights_and_layers_that_exist():
    with pytest.raises(ConfigError, match="init_from"):
        _fit(_module(LoRA()))
    with pytest.raises(ConfigError, match=r"'\*\.qvk' matches no linear layer.*attention\.qkv"):
        _fit(_module(LoRA(layers=["*.qvk"])))


@pytest.mark.parametrize("options", [{"rank": 0}, {"alpha": 0}, {"dropout": 1}, {"layers": "attention.qkv"}])
def test_options_are_checked(options: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"finetune\."):
        LoRA(**options)
