"""The perceptual term against its formula, its bounds, and its rows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.losses.perceptual import PerceptualLoss
from unif2ace.types import Batch, StepOutput

Maps = tuple[Tensor, ...]


def _step(of_image: Maps, of_reconstruction: Maps, valid: list[bool] | None = None) -> StepOutput:
    rows = len(of_image[0])
    mask = torch.tensor(valid or [True] * rows)
    batch = Batch(torch.zeros(rows, dtype=torch.int8), torch.arange(rows), mask)
    return StepOutput(batch, features=(of_image, of_reconstruction))


def _maps(seed: int, rows: int = 3) -> Maps:
    draw = torch.Generator().manual_seed(seed)
    shapes = ((4, 6, 5), (7, 3, 2))
    return tuple(torch.randn(rows, *shape, generator=draw, dtype=torch.float64) for shape in shapes)


def test_it_is_its_formula():
    x, y = _maps(0), _maps(1)
    weights = (0.5, 2.0)
    expected = 0.0
    for weight, a, b in zip(weights, x, y, strict=True):
        for row in range(3):
            places = [(h, w) for h in range(a.shape[2]) for w in range(a.shape[3])]
            for h, w in places:
                u, v = a[row, :, h, w], b[row, :, h, w]
                expected += weight * (u / u.norm() - v / v.norm()).pow(2).sum().item() / len(places)
    term = PerceptualLoss(layers=weights).compute(_step(x, y))
    assert term.total.item() == pytest.approx(expected, rel=1e-5)
    assert term.count == 3


@pytest.mark.parametrize(("other", "expected"), [("equal", 0), ("longer", 0), ("right angle", 2), ("opposite", 4)])
def test_only_directions_count(other: str, expected: float):
    x = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    turned = torch.tensor([-4.0, 3.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    y = {"equal": x, "longer": 5 * x, "right angle": turned, "opposite": -x}[other]
    assert PerceptualLoss().compute(_step((x, x), (y, x))).mean.item() == pytest.approx(expected, abs=1e-5)


def test_its_gradient():
    x, y = _maps(0, 2), _maps(1, 2)
    loss = PerceptualLoss(layers=[1, 0.5])
    leaves = tuple(m.requires_grad_() for m in y)
    assert torch.autograd.gradcheck(lambda *maps: loss.compute(_step(x, maps)).mean, leaves)


def test_the_gradient_goes_to_the_reconstruction_only():
    x, y = ([m.requires_grad_() for m in _maps(seed)] for seed in (0, 1))
    PerceptualLoss().compute(_step(tuple(x), tuple(y))).total.backward()
    assert all(m.grad is None for m in x)
    assert all(m.grad.abs().sum() > 0 for m in y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_features_that_are_all_zero_keep_the_gradient_finite(dtype: torch.dtype):
    x = torch.ones(1, 4, 2, 2, dtype=dtype)
    y = torch.zeros(1, 4, 2, 2, dtype=dtype, requires_grad=True)
    term = PerceptualLoss().compute(_step((x,), (y,)))
    term.total.backward()
    assert term.total.dtype == torch.float32
    assert y.grad.abs().max() < 1e4


def test_invalid_rows_add_nothing_but_count():
    x, y = _maps(0), tuple(m.requires_grad_() for m in _maps(1))
    term = PerceptualLoss().compute(_step(x, y, [True, False, True]))
    alone = [
        PerceptualLoss().compute(_step(tuple(m[i : i + 1] for m in x), tuple(m[i : i + 1] for m in y))) for i in (0, 2)
    ]
    assert term.mean.item() == pytest.approx(sum(t.total.item() for t in alone) / 3)
    term.total.backward()
    assert y[0].grad[1].abs().sum() == 0


def test_it_reads_features():
    assert PerceptualLoss().reads == {"features"}


@pytest.mark.parametrize("layers", [[], [1.0, -1.0]])
def test_weights_that_cannot_be(layers: list[float]):
    with pytest.raises(ConfigError, match="layers"):
        PerceptualLoss(layers=layers)


def test_as_many_weights_as_layers():
    with pytest.raises(ConfigError, match="3 weights, but the features have 2"):
        PerceptualLoss(layers=[1, 1, 1]).compute(_step(_maps(0), _maps(1)))
