"""Warm-up and cosine against the formula, and groups that keep their own rates."""

from __future__ import annotations

import math

import pytest
import torch

from unif2ace.errors import ConfigError
from unif2ace.lr_schedulers.cosine import CosineScheduler


def _rates(**kwargs) -> list[list[float]]:
    groups = [
        {"params": [torch.zeros(1, requires_grad=True)]},
        {"params": [torch.zeros(1, requires_grad=True)], "lr": 3.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scheduler = CosineScheduler(optimizer, total_steps=20, **kwargs)
    rates = []
    for _ in range(20):
        rates.append([g["lr"] for g in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return rates


def test_the_rate_follows_the_formula_in_every_group():
    rates = _rates(warmup=4, final=0.1)
    for step, (first, second) in enumerate(rates):
        cosine = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * (step - 4) / 16))
        assert first == pytest.approx((step + 1) / 4 if step < 4 else cosine)
        assert second == pytest.approx(3 * first)


def test_a_warmup_below_one_is_a_share():
    assert _rates(warmup=0.2) == _rates(warmup=4)
    assert _rates(warmup=0)[0][0] == 1.0


def test_a_warmup_longer_than_the_run_is_refused():
    with pytest.raises(ConfigError, match="warmup=21"):
        _rates(warmup=21)
