"""Throughput: what was counted, over the time of training alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unif2ace.callbacks import throughput
from unif2ace.callbacks.throughput import Throughput
from unif2ace.errors import ConfigError


class _Logger:
    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))


def test_rates_are_means_without_validation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    now = [100.0]
    monkeypatch.setattr(throughput.time, "monotonic", lambda: now[0])
    logger = _Logger()
    trainer: Any = SimpleNamespace(loggers=[logger], global_step=6, strategy=SimpleNamespace())
    module: Any = SimpleNamespace(net=None)
    callback = Throughput(every_n_steps=2)
    callback.on_train_start(trainer, module)
    for step in (7, 7, 8, 9, 10):  # the first step has two micro-batches
        now[0] += 1
        if step == 8:
            callback.on_validation_start(trainer, module)
            now[0] += 50
            callback.on_validation_end(trainer, module)
        trainer.global_step = step
        callback.on_train_batch_end(trainer, module, None, [0] * 4, 0)
    assert logger.logged == [
        (8, {"throughput/steps": 2 / 3, "throughput/images": 4.0}),
        (10, {"throughput/steps": 1.0, "throughput/images": 4.0}),
    ]


def test_a_period_below_one_is_refused():
    with pytest.raises(ConfigError, match=r"callbacks\.throughput\.every_n_steps=0"):
        Throughput(0)
