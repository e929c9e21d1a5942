"""Draws by inversion: exact shares, rare codes, and numbers of a row that nobody else moves."""

from __future__ import annotations

import pytest
import torch

from unif2ace.diffusion.categorical import invert, weights
from unif2ace.diffusion.samplers.base import PerSampleRNG
from unif2ace.errors import DataError


def _counts(weight: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    codes = invert(weight.expand(len(uniform), -1), uniform)
    return torch.bincount(codes, minlength=len(weight))


@pytest.mark.parametrize("K", [1, 2, 3, 5, 64, 100, 1000, 1024])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equally_spaced_numbers_give_every_code_its_share(K: int, dtype: torch.dtype):
    weight = torch.randn(K, generator=torch.Generator().manual_seed(K), dtype=torch.float64).mul(2).exp().to(dtype)
    M = 20_000
    counts = _counts(weight, (torch.arange(M, dtype=torch.float64) + 0.5) / M)
    expected = M * weight.double() / weight.double().sum()
    assert float((counts - expected).abs().max()) <= 1 + M * 1e-6


def test_rare_codes_behind_a_common_one_are_drawn_as_often_as_they_should():
    weight = torch.full((8192,), 1e-9)
    weight[0] = 1
    assert len(weight.cumsum(0).unique()) < 100, "a float32 cumulative sum loses nearly all of them"
    rare = 8191 * 1e-9 / (1 + 8191 * 1e-9)
    M = 8191
    uniform = 1 - rare + rare * (torch.arange(M, dtype=torch.float64) + 0.5) / M
    counts = _counts(weight, uniform)
    assert counts[0] <= 1
    assert int(counts[1:].max()) <= 2
    assert int((counts[1:] == 0).sum()) < 10


@pytest.mark.parametrize("place", [0, 1, 63, 64, 5000, 8190, 8191])
def test_one_code_of_a_million_millionth_keeps_its_share(place: int):
    weight = torch.ones(8192)
    weight[place] = 1e-8
    total = weight.double().sum()
    middle = (weight.double().cumsum(0)[place] - 0.5e-8) / total
    window, n = 20e-8 / total, 4000
    uniform = (middle + window * ((torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5)).clamp(0, 1 - 2**-53)
    assert int(_counts(weight, uniform)[place]) == pytest.approx(
        n / 20 if 0 < place < 8191 else n / 20 + n // 2 - n // 40, abs=3
    )


def test_codes_without_weight_are_never_drawn():
    weight = torch.zeros(1000)
    weight[[3, 500, 997]] = torch.tensor([1.0, 1e-30, 2.0])
    uniform = torch.cat([torch.tensor([0.0, 1 - 2**-53, 1 / 3, 2 / 3]).double(), torch.rand(5000).double()])
    assert set(invert(weight.expand(len(uniform), -1), uniform).tolist()) <= {3, 500, 997}
    assert invert(weight[None], uniform[:1]).tolist() == [3]
    assert invert(weight[None], uniform[1:2]).tolist() == [997]


def test_nothing_to_draw_from_is_an_error():
    uniform = torch.tensor([0.5], dtype=torch.float64)
    for bad in ([0.0, 0.0], [torch.nan, 1.0], [torch.inf, 1.0]):
        with pytest.raises(DataError, match="no code can be sampled"):
            invert(torch.tensor([bad]), uniform)
    with pytest.raises(DataError, match="no code can be sampled"):
        invert(weights(torch.full((1, 4), -torch.inf)), uniform)
    assert invert(torch.zeros(0, 4), uniform[:0]).shape == (0,)


def test_weights_keep_their_precision_however_small():
    logits = torch.linspace(-70, 5, 300)[None] * torch.ones(4, 1)
    exact = logits.double().softmax(-1)
    ours = weights(logits)
    ratio = ours.double() / ours.double().sum(-1, keepdim=True) / exact
    assert float((ratio - 1).abs().max()) < 1e-5
    assert float(exact.min()) < 1e-30
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(weights(logits), ours)
    assert weights(logits.bfloat16()).dtype == torch.float32
    assert weights(logits.double()).dtype == torch.float64


def test_the_logits_are_left_as_they_are():
    logits = torch.randn(3, 7)
    before = logits.clone()
    weights(logits)
    assert torch.equal(logits, before)


def test_rows_have_their_own_numbers_whatever_the_batch():
    probability = torch.rand(3, 50, 20)
    where = torch.rand(3, 50) < 0.3
    together, drawn = PerSampleRNG([5, 6, 7]), []
    drawn += [together.uniform(4), together.categorical(probability)]
    some = torch.full((3, 50), -1).masked_scatter(where, together.categorical(probability[where], where))
    drawn += [some, together.uniform(2)]
    for row, seed in enumerate([5, 6, 7]):
        alone = PerSampleRNG([seed])
        assert torch.equal(alone.uniform(4)[0], drawn[0][row])
        assert torch.equal(alone.categorical(probability[row : row + 1])[0], drawn[1][row])
        mine = where[row : row + 1]
        assert torch.equal(alone.categorical(probability[row][mine[0]], mine), drawn[2][row][mine[0]])
        assert torch.equal(alone.uniform(2)[0], drawn[3][row])
    assert PerSampleRNG([]).uniform(3).shape == (0, 3)


def test_draws_follow_their_distribution():
    probability = torch.tensor([0.5, 0.3, 0.15, 0.05])
    n = 100_000
    counts = torch.bincount(PerSampleRNG([1]).categorical(probability.expand(1, n, 4))[0], minlength=4)
    chi2 = ((counts - n * probability) ** 2 / (n * probability)).sum()
    assert float(torch.special.gammaincc(torch.tensor(1.5), chi2 / 2)) > 1e-4
