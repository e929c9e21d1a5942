"""The choices of `moe=...`, as configured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from moe_sequences import apply, sequence_of
from omegaconf import OmegaConf

from unif2ace.engine import instantiate
from unif2ace.errors import ConfigError
from unif2ace.nets.moe import bench_factory
from unif2ace.nets.moe.sequence import SequenceMoE
from unif2ace.types import Condition

CHOICES = Path(__file__).parents[3] / "configs" / "moe"


@pytest.mark.parametrize(
    ("name", "levels"),
    [("dense", []), ("token", ["token"]), ("sequence", ["sequence"]), ("grouped", ["token", "sequence"])],
)
def test_each_choice_makes_its_levels(name: str, levels: list[str]):
    router = yaml.safe_load((CHOICES.parent / "router" / "top_k.yaml").read_text())
    network = yaml.safe_load((CHOICES.parent / "feed_forward" / "gelu.yaml").read_text())
    choice = yaml.safe_load((CHOICES / f"{name}.yaml").read_text())
    moe = instantiate(OmegaConf.create({"moe": choice, "router": router, "feed_forward": network}).moe)
    sequence = sequence_of()
    x = torch.randn(*sequence.ids.shape, 16)
    y, stats = apply(moe.token_layer(16), x, sequence)
    found = [stats]
    sequence_layer = moe.sequence_layer(16, ["noise", "clip"])
    if sequence_layer is not None:
        condition = Condition(torch.randn(4, 1, 16), torch.ones(4, dtype=torch.bool))
        added, stats = apply(sequence_layer, y, sequence, {"noise": condition, "clip": condition})
        assert added.shape == x.shape
        found.append(stats)
    assert [s.level for s in found if s is not None] == levels
    assert y.shape == x.shape


def test_experts_alone_stand_for_themselves():
    torch.manual_seed(0)
    module, x = bench_factory(16, 8, 4, 4), torch.randn(20, 16)
    router, w_in, w_out = torch.randn(4, 16), torch.randn(4, 16, 16), torch.randn(4, 16, 8)
    module.load_reference(router, w_in, w_out)
    p = (x @ router.T).softmax(-1)
    gate, value = torch.einsum("td,nxd->tnx", x, w_in).chunk(2, -1)
    expected = torch.einsum("tn,tnh,ndh->td", p, torch.nn.functional.silu(gate) * value, w_out)
    torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("und_experts", "encoders", "experts"),
    [
        (["visual", "copy", "copy"], ["clip"], ["clip", "copy", "copy"]),
        (["visual", "copy", "copy"], ["clip", "face"], ["clip", "face", "copy", "copy"]),
        (["visual", "copy", "copy"], [], ["copy", "copy"]),
        (["face", "face", "copy", "zero"], ["clip", "face"], ["face", "face", "copy", "zero"]),
    ],
)
def test_the_word_visual_stands_for_each_selected_encoder(und_experts, encoders, experts):
    layer = SequenceMoE(und_experts=und_experts).sequence_layer(16, ["noise", *encoders])
    assert list(layer.names[1][: len(experts)]) == experts


@pytest.mark.parametrize(("key", "name"), [("und_experts", "clp"), ("gen_experts", "zreo"), ("und_experts", "face")])
def test_an_expert_of_no_selected_condition_is_an_error_that_lists_what_there_is(key: str, name: str):
    with pytest.raises(ConfigError, match=rf"moe\.{key}: there is no expert '{name}'.*copy, zero, noise, clip"):
        SequenceMoE(**{key: ["copy", "copy", name]}).sequence_layer(16, ["noise", "clip"])
