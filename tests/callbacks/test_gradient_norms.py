"""Norms of gradients by part of the network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import observed_run
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from unif2ace.callbacks.gradient_norms import GradientNorms, norms_by_part, part_of
from unif2ace.errors import ConfigError
from unif2ace.loggers.tensorboard import TensorBoardLogger

NAMES = {
    "net.embedding.weight": "embedding",
    "net.code_embedding.embedding.weight": "embedding",
    "net.head.bias": "head",
    "net.blocks.0.attention.qkv.weight": "attention",
    "net.blocks.11.token_moe.shared.1.up.weight": "shared",
    "net.blocks.0.token_moe.routed.weight_in": "routed",
    "net.blocks.0.token_moe.routed.router.weight": "router",
    "net.blocks.0.sequence_moe.router.weight": "router",
    "net.blocks.0.sequence_moe.blend": "sequence",
    "net.blocks.0.token_moe.feed_forward.up.weight": "feed_forward",
    "net.blocks.0.sequence_norm.weight": "norms",
    "net.norm.bias": "norms",
    "net.conditioning.resamplers.attributes.queries": "conditioning",
    "net.conditioning.noise_level.into.weight": "conditioning",
    "net.encoder.0.weight": "encoder",
    "net.decoder.up.weight": "decoder",
    "discriminator.layers.0.weight": "discriminator",
    "net.weight": "weight",
}


@pytest.mark.parametrize("name", NAMES)
def test_parts(name: str):
    assert part_of(name) == NAMES[name]


class _Exact(pl.Callback):
    """The same by hand, from what the optimiser is about to get."""

    def __init__(self) -> None:
        self.found: list[dict[str, float]] = []

    def on_before_optimizer_step(self, trainer: Any, module: Any, optimizer: Any) -> None:
        squares: dict[str, float] = {}
        for name, p in module.named_parameters():
            squares[part_of(name)] = squares.get(part_of(name), 0) + float(p.grad.double().square().sum())
        self.found.append({"total": sum(squares.values()) ** 0.5, **{k: v**0.5 for k, v in squares.items()}})


def _logged(tmp_path: Path, **options: Any) -> tuple[dict[str, list[tuple[int, float]]], list[dict[str, float]]]:
    logger = TensorBoardLogger(str(tmp_path))
    exact = _Exact()
    observed_run.fit([GradientNorms(options.pop("every", 1)), exact], logger=logger, limit_val_batches=0, **options)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    tags = [t for t in events.Tags()["scalars"] if t.startswith("gradient/")]
    return {t.removeprefix("gradient/"): [(s.step, s.value) for s in events.Scalars(t)] for t in tags}, exact.found


def test_they_are_those_before_clipping(tmp_path: Path):
    logged, exact = _logged(tmp_path, gradient_clip_val=1e-4)
    assert {"total", "attention", "shared", "routed", "sequence", "embedding", "head", "router"} <= logged.keys()
    for part, values in logged.items():
        assert [step for step, _ in values] == [0, 1, 2]
        assert [value for _, value in values] == pytest.approx([found[part] for found in exact], rel=1e-5)
    assert min(value for _, value in logged["total"]) > 0.01  # not those after it


def test_every_few_steps_and_once_for_accumulated_batches(tmp_path: Path):
    logged, exact = _logged(tmp_path, every=2, accumulate_grad_batches=2, max_steps=4)
    assert len(exact) == 4
    assert [step for step, _ in logged["total"]] == [1, 3]
    assert logged["total"][1][1] == pytest.approx(exact[3]["total"], rel=1e-5)


def test_without_a_logger_and_in_a_trial():
    observed_run.fit([GradientNorms(1)], limit_val_batches=0)
    observed_run.fit([GradientNorms(1)], fast_dev_run=True)


def test_parameters_without_gradient_count_as_nothing():
    net = torch.nn.ModuleDict(
        {"net": torch.nn.ModuleDict({"head": torch.nn.Linear(2, 2), "frozen": torch.nn.Linear(2, 2)})}
    )
    net["net"]["frozen"].requires_grad_(False)
    assert {k: float(v) for k, v in norms_by_part(net.named_parameters()).items()} == {"total": 0, "head": 0}
    net["net"]["head"].weight.grad = torch.full((2, 2), 3.0)
    assert math.isclose(float(norms_by_part(net.named_parameters())["head"]), 6, rel_tol=1e-6)


def test_a_number_out_of_range():
    with pytest.raises(ConfigError, match="every_n_steps=0"):
        GradientNorms(0)
