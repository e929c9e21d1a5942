"""Named parameter groups: who gets which options, what is refused, and rates under schedules."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from unif2ace.errors import ConfigError
from unif2ace.lr_schedulers.cosine import CosineScheduler
from unif2ace.optimizers.muon import Muon
from unif2ace.optimizers.named_groups import NamedGroups
from unif2ace.optimizers.parameter_groups import parameter_groups


class Router(nn.Linear):
    weight_kind = "table"


def _net() -> nn.Module:
    layers = nn.ModuleList(nn.ModuleDict({"router": Router(4, 3, bias=False), "up": nn.Linear(4, 4)}) for _ in range(2))
    return nn.ModuleDict({"embedding": nn.Embedding(5, 4), "blocks": layers, "norm": nn.LayerNorm(4)})


def _names(net: nn.Module, groups: list[dict[str, Any]]) -> dict[str, list[str]]:
    names = {id(p): name for name, p in net.named_parameters()}
    return {group["name"]: [names[id(p)] for p in group["params"]] for group in groups}


def _optimizer(make: Any, net: nn.Module, groups: dict[str, Any]) -> tuple[NamedGroups, torch.optim.Optimizer]:
    named = NamedGroups(groups)
    named.freeze_({"net": net})
    optimizer = make(named.of({"net": net}))
    named.set_rates(optimizer)
    return named, optimizer


def test_without_groups_nothing_changes():
    net = _net()
    groups = NamedGroups().of({"net": net})
    assert _names(net, groups) == _names(net, parameter_groups(net))
    assert list(_names(net, groups)) == ["matrix", "table"]


def test_the_first_match_wins_and_a_group_may_have_kinds():
    net = _net()
    groups = {
        "first": {"patterns": "blocks.0.*"},
        "router": {"patterns": ["*.router.*"], "weight_decay": 0.5},
        "words": {"patterns": "embedding.*", "frozen": True},
    }
    named = NamedGroups(groups)
    named.freeze_({"net": net})
    found = named.of({"net": net})
    assert _names(net, found) == {
        "matrix": ["blocks.1.up.weight"],
        "table": ["blocks.1.up.bias", "norm.weight", "norm.bias"],
        "first/matrix": ["blocks.0.up.weight"],
        "first/table": ["blocks.0.router.weight", "blocks.0.up.bias"],
        "router": ["blocks.1.router.weight"],
    }
    assert {g["name"]: g.get("weight_decay") for g in found} == {
        "matrix": None, "table": 0.0, "first/matrix": None, "first/table": 0.0, "router": 0.5,
    }  # fmt: skip
    assert not net.embedding.weight.requires_grad


def test_other_trained_networks_have_a_prefix():
    nets = {"net": _net(), "discriminator": nn.Sequential(nn.Linear(2, 2))}
    found = NamedGroups({"out": {"patterns": "discriminator.0.bias"}}).of(nets)
    assert [g["name"] for g in found] == ["matrix", "table", "discriminator/matrix", "out"]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            {"r": {"patterns": "*.ruoter.*"}},
            r"'\*\.ruoter\.\*' matches no parameter; available names: blocks\.\*\.router\.weight",
        ),
        ({"a": {"patterns": "blocks.*"}, "b": {"patterns": "*.router.*"}}, r"groups\.b has no parameters.*before"),
        ({"a": {"patterns": "*", "frozen": True}}, "all parameters are frozen"),
        ({"a": {"pattern": "*"}}, "did you mean 'patterns'"),
        ({"a": {}}, r"groups\.a\.patterns=None"),
        ({"a": {"patterns": [1]}}, r"groups\.a\.patterns=\[1\]"),
        ({"a": 3}, r"groups\.a=3: must be options"),
        ({"a": {"patterns": "*", "lr": -1}}, r"groups\.a\.lr=-1"),
        ({"a": {"patterns": "*", "lr": "x"}}, r"groups\.a\.lr=x"),
        ({"a": {"patterns": "*", "lr": 1, "lr_factor": 2}}, "lr_factor excludes lr"),
        ({"a": {"patterns": "*", "frozen": True, "lr": 1}}, "frozen parameters ignore lr"),
        ({"a": {"patterns": "*", "frozen": "yes"}}, "true or false"),
        ({"a": {"patterns": "*", "schedule": "constnt"}}, "did you mean 'constant'"),
        ({"matrix": {"patterns": "*"}}, "another name"),
        ({"a.b": {"patterns": "*"}}, "letters, digits"),
    ],
)
def test_what_cannot_be_is_refused(groups: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        _optimizer(partial(AdamW, lr=0.1), _net(), groups)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (partial(Muon, lr=0.1), {"lr": 0.01}, r"set optimizer\.groups\.router\.adam_lr"),
        (partial(AdamW, lr=0.1), {"adam_lr": 0.01}, "only optimizer=muon"),
    ],
)
def test_a_rate_that_would_not_be_used_is_refused(make: Any, options: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        _optimizer(make, _net(), {"router": {"patterns": "*.router.*", **options}})


def test_muons_rates_are_those_that_are_used():
    net = _net()
    groups = {
        "router": {"patterns": "*.router.*", "adam_lr": 0.5},
        "first": {"patterns": "blocks.0.*", "lr": 0.4},
        "half": {"patterns": "blocks.1.*", "lr_factor": 0.5},
    }
    _, optimizer = _optimizer(partial(Muon, lr=0.2, adam_lr=0.02), net, groups)
    rates = {g["name"]: (g["lr"], g["adam_ratio"]) for g in optimizer.param_groups}
    expected = {"table": (0.2, 0.1), "router": (0.5, 1), "first/matrix": (0.4, 0.1), "first/table": (0.04, 1)}
    expected |= {"half/matrix": (0.1, 0.1), "half/table": (0.01, 1)}
    assert rates.keys() == expected.keys()
    for name, pair in expected.items():
        assert rates[name] == pytest.approx(pair), name


@pytest.mark.parametrize(
    "schedule",
    [
        lambda optimizer: CosineScheduler(optimizer, 10, warmup=3),
        lambda optimizer: OneCycleLR(optimizer, max_lr=0.1, total_steps=10),
    ],
)
def test_rates_keep_their_ratio_under_a_schedule_and_constant_ones_stay(schedule: Any):
    groups = {"router": {"patterns": "*.router.*", "lr": 0.01}, "bias": {"patterns": "*.bias", "schedule": "constant"}}
    named, optimizer = _optimizer(partial(AdamW, lr=0.1), _net(), groups)
    stepped, seen = named.scheduled(optimizer, schedule), set()
    for _ in range(9):
        rates = {g["name"]: g["lr"] for g in optimizer.param_groups}
        assert rates["router"] == pytest.approx(0.1 * rates["matrix"])
        assert rates["bias"] == 0.1
        seen.add(round(rates["matrix"], 9))
        optimizer.step()
        stepped.step()
        named.hold(optimizer)
    assert len(seen) > 5
