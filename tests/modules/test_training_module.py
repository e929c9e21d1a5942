"""What a module sends to the other ranks, and what it logs."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from unif2ace.engine.quiet import hush
from unif2ace.metrics.base import StepMetric
from unif2ace.modules.base import TrainingModule
from unif2ace.types import Batch, LossTerm, StepOutput


class _Module(TrainingModule):
    """Gives terms that are there; keeps what it logs."""

    def __init__(self, *terms: LossTerm, **options: Any) -> None:
        super().__init__(torch.nn.Identity, lambda _: None, **options)
        self.given, self.logged, self.options = terms, {}, {}

    def step_output(self, batch: Batch) -> StepOutput:
        return StepOutput(batch)

    def terms(self, step: StepOutput) -> list[Any]:
        return [(SimpleNamespace(name=str(i), weight=1.0), term) for i, term in enumerate(self.given)]

    def log_dict(self, values: Any, **options: Any) -> None:
        self.logged, self.options = dict(values), options


def _term(total: float, count: float, *also: LossTerm) -> LossTerm:
    return LossTerm(torch.tensor(total), torch.tensor(count), also=also)


def test_all_losses_share_one_exchange_and_each_gets_its_own_counts():
    sent = []

    def reduce(counts: Tensor, reduce_op: str) -> Tensor:
        sent.append((counts.tolist(), reduce_op))
        return counts * 2

    module = _Module(_term(6.0, 1.0), _term(8.0, 2.0, _term(9.0, 3.0)), _term(4.0, 4.0))
    module._trainer = SimpleNamespace(world_size=2, strategy=SimpleNamespace(reduce=reduce))
    total = module.objective(StepOutput(Batch(*torch.zeros(3, 2))), "train")
    assert sent == [([1.0, 2.0, 3.0, 4.0], "mean")]
    assert [float(module.logged[f"train/{i}"]) for i in range(3)] == [3.0, 3.5, 0.5]
    assert float(total) == 7.0


class _Metric(StepMetric):
    def update(self, step: StepOutput) -> None: ...

    def compute(self) -> dict[str, Tensor]:
        return {"share": torch.tensor(0.5)}


def test_metrics_are_logged_from_the_device_and_not_sent_again():
    module = _Module(metrics={"made": _Metric()})
    module._trainer, module._device = SimpleNamespace(callbacks=[]), torch.device("meta")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*compute.*before the ``update``.*")
        module.on_validation_epoch_end()
    assert module.logged["val/share"].device.type == "meta"
    assert not module.options.get("sync_dist")


def test_the_advice_to_send_again_is_left_out():
    with warnings.catch_warnings(record=True) as told:
        hush()
        warnings.warn("It is recommended to use `self.log('val/psnr', ..., sync_dist=True)` when", stacklevel=1)
        with pytest.warns(UserWarning, match="other"):
            warnings.warn("other", stacklevel=1)
    assert not told
