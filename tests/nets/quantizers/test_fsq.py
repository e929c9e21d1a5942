"""A grid as codes."""

from __future__ import annotations

import math

import pytest
import torch

from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.fsq import FSQ

LEVELS = [[8, 5, 5, 5], [8, 6, 5], [7, 5, 4, 3], [2, 2, 16], [3]]


@pytest.mark.parametrize("levels", LEVELS, ids=str)
def test_every_code_is_reached_and_survives_the_round_trip(levels: list[int]):
    quantizer = FSQ(levels).double()
    ids = torch.arange(math.prod(levels)).view(1, 1, -1)
    codes = quantizer.decode_ids(ids).double()
    assert codes.min() == -1
    assert codes.max() <= 1
    # z with bound(z) = the code: the inverse of the formula, kept inside the open range
    count = torch.tensor(levels, dtype=torch.float64).view(1, -1, 1, 1)
    span, offset = (count - 1) * (1 - 1e-3) / 2, (count % 2 == 0) / 2
    inside = ((codes * (count // 2) + offset) / span).clamp(-1 + 1e-9, 1 - 1e-9)
    out = quantizer(inside.atanh() - (offset / span).tan())
    assert torch.equal(out.ids, ids)
    torch.testing.assert_close(out.codes, codes)


def test_ids_are_mixed_radix_with_channel_0_the_least_significant():
    codes = FSQ([8, 5, 3]).decode_ids(torch.tensor([[[0, 1, 8, 40]]]))[0, :, 0].T
    expected = [[-1, -1, -1], [-0.75, -1, -1], [-1, -0.5, -1], [-1, -1, 0]]
    assert codes.tolist() == expected


def test_far_vectors_reach_the_ends_and_no_further():
    out = FSQ([8, 5])(torch.tensor([[-50.0, -50.0], [50.0, 50.0]])[:, :, None, None])
    assert out.codes.flatten(1).tolist() == [[-1, -1], [0.75, 1]]
    assert out.ids.flatten().tolist() == [0, 39]


def test_the_gradient_is_that_of_the_bound():
    z = torch.randn(2, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    levels = torch.tensor([8.0, 5, 5, 5], dtype=torch.float64).view(1, -1, 1, 1)
    (grad,) = torch.autograd.grad(FSQ()(z).straight_through.sum(), z)
    span, offset = (levels - 1) * (1 - 1e-3) / 2, (levels % 2 == 0) / 2
    expected = span * (1 - (z + (offset / span).tan()).tanh().square()) / (levels // 2)
    torch.testing.assert_close(grad, expected)


@pytest.mark.parametrize("levels", LEVELS, ids=str)
def test_the_likeliest_level_is_the_chosen_one(levels: list[int]):
    quantizer = FSQ(levels)
    out = quantizer(torch.randn(2, len(levels), 5, 5) * 2, logits=True)
    assert out.logits.shape == (2, 5, 5, len(levels), max(levels))
    chosen = out.ids[..., None] // quantizer.place_values % quantizer.levels
    assert torch.equal(out.logits.argmax(-1), chosen)
    assert torch.equal(out.logits.isfinite().sum(-1)[0, 0, 0], torch.tensor(levels))


@pytest.mark.parametrize("levels", [[8, 5, 5, 5], [7, 5, 4]], ids=str)
def test_codes_are_those_of_an_independent_implementation(levels: list[int]):
    oracle = pytest.importorskip("vector_quantize_pytorch", reason="needs the test group").FSQ(levels)
    quantizer = FSQ(levels)
    z = torch.randn(4, len(levels), 20, 20) * 2
    out = quantizer(z)
    codes, ids = oracle(z)
    # theirs reaches a little further out: leave out what is near a tie
    steps = out.z * (torch.tensor(levels) // 2).view(1, -1, 1, 1)
    clear = ((steps - steps.floor() - 0.5).abs() > 0.01).all(1)
    assert clear.float().mean() > 0.8
    assert torch.equal(out.ids[clear], ids[clear])
    torch.testing.assert_close(out.codes.permute(0, 2, 3, 1)[clear], codes.permute(0, 2, 3, 1)[clear])


@pytest.mark.parametrize("levels", [[], [8, 1]], ids=str)
def test_wrong_levels_are_named(levels: list[int]):
    with pytest.raises(ConfigError, match=r"quantizer\.levels"):
        FSQ(levels)
