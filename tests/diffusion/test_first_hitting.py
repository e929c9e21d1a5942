"""First-hitting sampling: the law of codes drawn in a uniformly random order, one call a code."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from sampler_toys import BatchRNG, Table, p_value

from unif2ace.diffusion.samplers.first_hitting import FirstHittingSampler


def test_the_law_is_that_of_any_order():
    table, n = Table(seed=6), 100_000
    assert float(table.any_order().sum()) - 1 < 1e-12
    out = FirstHittingSampler().sample(table, table.masks(n), BatchRNG(n))
    assert p_value(table, out, table.any_order()) > 1e-4
    assert table.calls == 3


def test_the_law_given_known_codes_is_that_of_the_rest_in_any_order():
    table, n = Table(seed=6), 100_000
    start = torch.tensor([3, 1, 3])
    law = torch.zeros(len(table.x0), dtype=torch.float64)
    for first, second in ((0, 2), (2, 0)):
        x = start.expand(len(table.x0), -1).clone()
        p = torch.ones(len(table.x0), dtype=torch.float64)
        for i in (first, second):
            p *= table.log_p[table.number(x), i].gather(1, table.x0[:, i : i + 1])[:, 0].exp()
            x[:, i] = table.x0[:, i]
        law += p * (table.x0[:, 1] == 1) / 2
    out = FirstHittingSampler().sample(table, start.expand(n, -1), BatchRNG(n, seed=2))
    assert bool((out[:, 1] == 1).all())
    seen = torch.bincount(table.number(out), minlength=len(table.states))[table.number(table.x0)]
    expected = law * n
    chi2 = ((seen - expected) ** 2 / expected)[law > 0].sum()
    assert int((law > 0).sum()) == 9
    assert float(torch.special.gammaincc(torch.tensor(4.0).double(), chi2 / 2)) > 1e-4


def test_times_fall_as_order_statistics_and_one_code_is_revealed_at_each():
    n, L, times, masks = 20_000, 5, [], []
    table = Table(L=L, V=2)

    def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
        times.append(t_B)
        return table(x_BN, t_B)

    FirstHittingSampler(cache=False).sample(
        denoise, table.masks(n), BatchRNG(n), lambda k, x: masks.append((x == 2).sum(1))
    )
    fall = torch.stack(times[1:])
    assert fall.shape == (L, n)
    assert bool((fall[1:] < fall[:-1]).all())
    for k in range(L):  # the k-th largest of L uniform numbers
        mean, deviation = (L - k) / (L + 1), ((L - k) * (k + 1) / (L + 1) ** 2 / (L + 2)) ** 0.5
        assert abs(float(fall[k].double().mean()) - mean) < 5 * deviation / n**0.5
        assert bool((masks[k] == L - 1 - k).all())


def test_rows_with_fewer_masks_rest_while_others_go_on():
    table = Table(L=4, V=3)
    start = torch.tensor([[3, 3, 3, 3], [0, 1, 3, 2], [0, 1, 2, 0]])
    out = FirstHittingSampler().sample(table, start, BatchRNG(3))
    assert int(out.max()) < 3
    assert table.calls == 4
    assert torch.equal(out[2], start[2])
    assert torch.equal(out[1, [0, 1, 3]], start[1, [0, 1, 3]])
