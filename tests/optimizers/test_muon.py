"""Muon against singular values, AdamW and a closed form; its state in a checkpoint."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from unif2ace.errors import ConfigError
from unif2ace.optimizers.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(32, 32), (16, 64), (64, 16), (1, 8)])
def test_orthogonalise_keeps_the_directions_and_evens_out_the_values(shape: tuple[int, int]):
    torch.manual_seed(0)
    u, s, vh = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    spread = torch.linspace(1, 0.05, len(s)) if len(s) > 1 else torch.ones(1)
    done = orthogonalise(u @ torch.diag(spread) @ vh)
    assert done.dtype == torch.float32
    values = torch.linalg.svdvals(done)
    assert values.min() > 0.6
    assert values.max() < 1.3
    within = u.T @ done @ vh.T
    assert (within - torch.diag(within.diagonal())).abs().max() < 0.1


@pytest.mark.parametrize("columns", [16, 47, 48, 200])
def test_orthogonalise_is_its_polynomial_of_the_singular_values_however_wide(columns: int):
    torch.manual_seed(0)
    matrix = torch.randn(2, 16, columns, dtype=torch.float64)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    s = s / s.norm(dim=-1, keepdim=True)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    torch.testing.assert_close(orthogonalise(matrix), u @ torch.diag_embed(s) @ vh, atol=1e-5, rtol=0)
    torch.testing.assert_close(orthogonalise(matrix.mT), (u @ torch.diag_embed(s) @ vh).mT, atol=1e-5, rtol=0)


def test_vectors_and_marked_groups_take_the_step_of_adamw():
    torch.manual_seed(0)
    vector, matrix = torch.randn(5), torch.randn(4, 3)
    ours = [nn.Parameter(vector.clone()), nn.Parameter(matrix.clone())]
    theirs = [nn.Parameter(vector.clone()), nn.Parameter(matrix.clone())]
    muon = Muon(
        [{"params": ours[:1]}, {"params": ours[1:], "orthogonal": False}], lr=0.1, adam_lr=0.01, weight_decay=0.3
    )
    adamw = torch.optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.95), weight_decay=0.3)
    for _ in range(5):
        for mine, its in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            its.grad = mine.grad.clone()
        muon.step()
        adamw.step()
    for mine, its in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, its, atol=1e-6)


def test_a_kernel_moves_by_the_rate_in_every_direction_whatever_the_gradients_size():
    kernel = nn.Parameter(torch.zeros(8, 4, 3, 3))
    kernel.grad = 1e-6 * torch.randn(8, 4, 3, 3)
    Muon([kernel], lr=0.5, weight_decay=0.0).step()
    values = torch.linalg.svdvals(kernel.detach().reshape(8, 36))
    assert values.min() > 0.5 * 0.6
    assert values.max() < 0.5 * 1.3
    assert (kernel.detach() * kernel.grad).sum() < 0


def test_a_run_goes_on_from_its_state():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    inputs = torch.randn(10, 16, 6)

    def run(net: nn.Module, optimizer: Muon, batches: torch.Tensor) -> None:
        for x in batches:
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()

    whole, halved = copy.deepcopy(net), copy.deepcopy(net)
    run(whole, Muon(whole.parameters()), inputs)
    first = Muon(halved.parameters())
    run(halved, first, inputs[:5])
    second = Muon(halved.parameters())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    run(halved, second, inputs[5:])
    for a, b in zip(whole.parameters(), halved.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_wrong_rate_is_named():
    with pytest.raises(ConfigError, match=r"lr=-1"):
        Muon([nn.Parameter(torch.zeros(2, 2))], lr=-1)


def test_an_expert_that_nobody_chooses_any_more_stays_where_it_is():
    torch.manual_seed(0)
    experts = nn.Parameter(torch.randn(3, 8, 8))
    muon = Muon([{"params": [experts], "stacked": True}], lr=0.1, weight_decay=0.0)
    for step in range(8):
        experts.grad = torch.randn_like(experts)
        if step > 3:
            experts.grad[1] = 0
        before = experts.detach().clone()
        muon.step()
        moved = (experts - before).flatten(1).norm(dim=1) > 0
        assert moved.tolist() == [True, step <= 3, True]
