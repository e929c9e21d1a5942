"""The masked cross-entropy against its formula; balance against counts."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
import torch

from unif2ace.errors import ConfigError
from unif2ace.losses.attributes import AttributesLoss
from unif2ace.types import Batch, StepOutput


def _step(logits: torch.Tensor, labels: torch.Tensor, valid: list[bool] | None = None) -> StepOutput:
    rows = len(logits)
    batch = Batch(
        torch.zeros(rows, dtype=torch.int8), torch.arange(rows), torch.tensor(valid or [True] * rows), attributes=labels
    )
    return StepOutput(batch, attribute_logits=logits)


def test_only_known_labels_of_valid_rows_count():
    logits = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[1, -1], [0, 1], [1, 1]], dtype=torch.int8)
    term = AttributesLoss().compute(_step(logits, labels, [True, True, False]))
    p = logits.sigmoid()
    assert term.count == 3
    assert torch.allclose(term.total, -(p[0, 0].log() + (1 - p[1, 0]).log() + p[1, 1].log()))
    (gradient,) = torch.autograd.grad(term.total, logits)
    assert torch.equal(gradient == 0, torch.tensor([[False, True], [False, False], [True, True]]))


def test_a_network_of_fewer_attributes_reads_the_first():
    logits, labels = torch.randn(3, 2), torch.tensor([[1, 0, 1], [0, 1, -1], [1, -1, 0]], dtype=torch.int8)
    some, same = (AttributesLoss().compute(_step(logits, part)) for part in (labels, labels[:, :2]))
    assert some.total == same.total
    assert some.count == same.count == 5


def test_full_balance_gives_both_answers_the_same_sum():
    labels = torch.zeros(100, 1, dtype=torch.int8)
    labels[:20] = 1
    loss = AttributesLoss(balance=1.0)
    logits = torch.zeros(100, 1, dtype=torch.float64, requires_grad=True)
    for _ in range(50):
        term = loss.compute(_step(logits, labels))
    (gradient,) = torch.autograd.grad(term.total, logits)
    assert gradient[:20].sum().item() == pytest.approx(-gradient[20:].sum().item(), rel=1e-2)
    other = AttributesLoss(balance=1.0)
    other.load_state_dict(loss.state_dict())
    again = other.compute(_step(logits, labels)).total
    assert again.item() == pytest.approx(loss.compute(_step(logits, labels)).total.item(), rel=1e-9)


def test_validation_does_not_count():
    loss = AttributesLoss(balance=1.0)
    with torch.no_grad():
        loss.compute(_step(torch.zeros(4, 1), torch.ones(4, 1, dtype=torch.int8)))
    assert loss.state_dict() == {"counts": None}


def test_wrong_arguments_are_named():
    with pytest.raises(ConfigError, match="balance=2"):
        AttributesLoss(balance=2)


@pytest.mark.parametrize("has_labels", [True, False])
def test_data_without_a_label_is_refused_before_the_first_step(has_labels: bool):
    trainer = SimpleNamespace(datamodule=SimpleNamespace(has_labels=lambda: has_labels))
    context = contextlib.nullcontext() if has_labels else pytest.raises(ConfigError, match="no training sample has")
    with context:
        AttributesLoss().on_fit_start(trainer, None)
