"""What is configured counts after a checkpoint was loaded; what did not change stays to the bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from unif2ace.lr_schedulers.cosine import CosineScheduler
from unif2ace.modules.optimizer_options import options_of, restore_options
from unif2ace.optimizers.muon import Muon

STEPS, DONE = 20, 7
SCHEDULES: dict[str, Callable[..., Any] | None] = {
    "none": None,
    "cosine": lambda optimizer, lr: CosineScheduler(optimizer, STEPS, warmup=3),
    "one_cycle": lambda optimizer, lr: OneCycleLR(optimizer, max_lr=lr, total_steps=STEPS),
}
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "adamw": lambda parameters, lr, decay: AdamW(parameters, lr=lr, weight_decay=decay),
    "muon": lambda parameters, lr, decay: Muon(parameters, lr=lr, weight_decay=decay, adam_lr=lr / 4),
}


class Run:
    """A run of one matrix."""

    def __init__(self, optimizer: str, schedule: str, lr: float, decay: float) -> None:
        self.weight = torch.nn.Parameter(torch.eye(3))
        self.optimizer = OPTIMIZERS[optimizer]([self.weight], lr, decay)
        make = SCHEDULES[schedule]
        self.lr_scheduler = make(self.optimizer, lr) if make else None
        self.configured = options_of(self.optimizer)

    def train(self, steps: int) -> list[float]:
        """Learning rates of these steps."""
        rates = []
        for _ in range(steps):
            rates.append(self.optimizer.param_groups[0]["lr"])
            self.weight.grad = torch.ones(3, 3)
            self.optimizer.step()
            if self.lr_scheduler:
                self.lr_scheduler.step()
        return rates

    def take_up(self, other: Run) -> None:
        """Goes on where another run is."""
        self.optimizer.load_state_dict(copy.deepcopy(other.optimizer.state_dict()))
        if self.lr_scheduler:
            self.lr_scheduler.load_state_dict(other.lr_scheduler.state_dict())
        restore_options(self.optimizer, self.configured, [self.lr_scheduler] if self.lr_scheduler else [])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_new_rate_and_decay_count_from_the_next_step_on(optimizer: str, schedule: str):
    old, whole = Run(optimizer, schedule, 0.1, 0.01), Run(optimizer, schedule, 0.03, 0.5)
    old.train(DONE)
    rates = whole.train(STEPS)
    again = Run(optimizer, schedule, 0.03, 0.5)
    again.take_up(old)
    assert again.optimizer.param_groups[0]["weight_decay"] == 0.5
    assert again.train(STEPS - DONE) == pytest.approx(rates[DONE:], rel=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_nothing_moves_where_nothing_changed(optimizer: str, schedule: str):
    old, again = Run(optimizer, schedule, 0.1, 0.01), Run(optimizer, schedule, 0.1, 0.01)
    old.train(DONE)
    again.take_up(old)
    assert again.optimizer.state_dict()["param_groups"] == old.optimizer.state_dict()["param_groups"]
    again.weight.data.copy_(old.weight.data)
    assert again.train(STEPS - DONE) == old.train(STEPS - DONE)
    assert torch.equal(again.weight, old.weight)
