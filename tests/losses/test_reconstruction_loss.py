"""The reconstruction term against its formula, and its rows."""

from __future__ import annotations

import pytest
import torch

from unif2ace.losses.reconstruction import ReconstructionLoss
from unif2ace.types import Batch, StepOutput


def _step(image: torch.Tensor, reconstruction: torch.Tensor, valid: list[bool]) -> StepOutput:
    rows = len(image)
    batch = Batch(torch.zeros(rows, dtype=torch.int8), torch.arange(rows), torch.tensor(valid))
    return StepOutput(batch, image=image, reconstruction=reconstruction)


def test_each_part_is_its_formula():
    image, y = torch.rand(2, 2, 3, 4, 5, dtype=torch.float64).unbind()
    step = _step(image, y, [True, True])
    assert torch.allclose(ReconstructionLoss().compute(step).mean, (y - image).abs().mean())
    assert torch.allclose(ReconstructionLoss(l1=0, l2=3).compute(step).mean, 3 * (y - image).pow(2).mean())
    d = y - image
    edges = (d[..., 1:, :] - d[..., :-1, :]).abs().mean() + (d[..., 1:] - d[..., :-1]).abs().mean()
    assert torch.allclose(ReconstructionLoss(l1=0, gradient=0.5).compute(step).mean, 0.5 * edges)


def test_a_constant_offset_has_no_gradient_part():
    image = torch.rand(1, 3, 8, 8)
    assert ReconstructionLoss(l1=0, gradient=1).compute(_step(image, image + 0.3, [True])).mean < 1e-6


def test_invalid_rows_add_nothing_but_count():
    image, y = torch.rand(2, 4, 3, 4, 4).unbind()
    term = ReconstructionLoss().compute(_step(image, y.requires_grad_(), [True, False, True, False]))
    assert term.count == 4
    expected = (y - image).abs().mean((1, 2, 3))[[0, 2]].sum() / 4
    assert term.mean.item() == pytest.approx(expected.item(), rel=1e-6)
    (gradient,) = torch.autograd.grad(term.total, y)
    assert gradient[1].abs().sum() == 0
    assert gradient[0].abs().sum() > 0
