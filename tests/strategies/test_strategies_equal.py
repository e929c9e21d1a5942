"""Every strategy on two processes trains as one process does, in float64: starts, gradients, weights and bounds."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from ranks import run_ranks
from strategy_run import train, words_of

RUN = Path(__file__).with_name("strategy_run.py")
SETTINGS = [
    "optimizer=adamw",
    "optimizer=muon clip=0.05 ema=True",
    "optimizer=sgd gradient_checkpointing=True alone=True layers=qwen2",
    "optimizer=adamw accumulate=2",
]
GROUPED = "optimizer=muon groups=True ema=True"
STRATEGIES = ["auto", "ddp", "fsdp", "fsdp_tp"]
CASES = [f"strategy={strategy} {settings}" for settings in SETTINGS for strategy in STRATEGIES]
CASES += [f"strategy={strategy} {GROUPED}" for strategy in ("ddp", "fsdp")]
SLOW = [c for c in CASES if re.match("strategy=(auto|ddp) ", c) and SETTINGS[0] not in c]
"""Left to the full suite: the strategies that divide no weights, with more than the plain settings."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("two") / "out.pt"
    selected = {getattr(item, "callspec", None) and item.callspec.params.get("case") for item in request.session.items}
    run_ranks(RUN, str(out), *[f"{case} devices=2" for case in CASES if case in selected])
    found: dict[str, Any] = torch.load(out)
    return found


@pytest.fixture(scope="module")
def one() -> dict[str, Any]:
    before = dict(os.environ)
    found = {settings: train(**words_of(settings)) for settings in [*SETTINGS, GROUPED]}
    os.environ.clear()
    os.environ.update(before)
    return found


@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.slow] if c in SLOW else []) for c in CASES])
def test_two_processes_train_as_one(case: str, one: dict[str, Any], two: dict[str, Any]):
    found, expected = two[f"{case} devices=2"], one[case.partition(" ")[2]]
    for what, rtol, atol in (("start", 0.0, 0.0), ("gradients", 1e-8, 1e-11), ("state", 1e-8, 1e-10)):
        assert found[what].keys() == expected[what].keys()
        for name, value in expected[what].items():
            torch.testing.assert_close(
                found[what][name], value, rtol=rtol, atol=atol, msg=lambda m, w=what, n=name: f"{w} {n}: {m}"
            )
    for name in ("val/d3diff", "val/ar", "val/nelbo"):
        assert found["found"][name] == pytest.approx(expected["found"][name], rel=1e-6), name  # logged in float32


def test_frozen_weights_stay_and_all_others_move(one: dict[str, Any]):
    run = one[GROUPED]
    still = {n for n in run["gradients"].keys() | run["start"].keys() if torch.equal(run["state"][n], run["start"][n])}
    assert {"embedding.weight", "blocks.0.attention.qkv.weight", "blocks.1.attention.qkv.bias"} <= still
    assert not still & run["gradients"].keys()


def test_every_weight_moved_and_clipping_did_something(one: dict[str, Any]):
    plain, clipped = one["optimizer=adamw"], one["optimizer=muon clip=0.05 ema=True"]
    still = {n for n, v in plain["state"].items() if torch.equal(v, plain["start"][n])}
    assert not {n for n in still if n in plain["gradients"]}
    norms = [torch.stack([g.norm() for g in run["gradients"].values()]).norm() for run in (plain, clipped)]
    assert norms[0] > 0.1
    assert norms[1] == pytest.approx(0.05, rel=1e-4)
