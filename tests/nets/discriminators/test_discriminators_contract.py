"""What every discriminator promises, over all that configs/discriminator names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from unif2ace.engine import instantiate

CONFIGS = sorted((Path(__file__).parents[3] / "configs" / "discriminator").glob("*.yaml"))


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda p: p.stem)
def net(request) -> nn.Module:
    config = OmegaConf.load(request.param)
    if "channels" in config:
        config.channels = 8
    torch.manual_seed(0)
    return instantiate(config)()


@pytest.mark.parametrize("size", [64, 256])
def test_logits_of_patches(net: nn.Module, size: int):
    logits = net(torch.rand(2, 3, size, size) * 2 - 1)
    assert logits.ndim == 4
    assert logits.shape[:2] == (2, 1)
    assert logits.isfinite().all()


def test_rows_are_judged_by_themselves(net: nn.Module):
    image = torch.rand(3, 3, 64, 64) * 2 - 1
    alone = torch.cat([net(row[None]) for row in image])
    assert torch.allclose(net.train()(image), alone, atol=1e-5)


def test_a_gradient_penalty_reaches_every_weight_matrix(net: nn.Module):
    image = (torch.rand(2, 3, 64, 64) * 2 - 1).requires_grad_()
    (slope,) = torch.autograd.grad(net(image).sum(), image, create_graph=True)
    slope.square().sum().backward()
    matrices = [p for p in net.parameters() if p.ndim > 1]
    assert matrices
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in matrices)


def test_it_learns_to_tell_two_kinds_of_picture(net: nn.Module):
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3, betas=(0.5, 0.9))
    for _ in range(60):
        real, fake = torch.rand(2, 4, 3, 64, 64) * 2 - 1
        fake = nn.functional.avg_pool2d(fake, 3, 1, 1) * 3  # smooth, as reconstructions are
        loss = (1 - net(real)).relu().mean() + (1 + net(fake)).relu().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5
