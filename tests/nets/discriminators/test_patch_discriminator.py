"""What one logit sees, how many there are, and what the options do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unif2ace.errors import ConfigError
from unif2ace.nets.discriminators.patch import PatchDiscriminator


@pytest.mark.parametrize(("layers", "sees"), [(1, 16), (2, 34), (3, 70)])
def test_what_a_logit_sees(layers: int, sees: int):
    net = PatchDiscriminator(channels=4, layers=layers, norm="none")
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    logits = net(image)
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
    rows = gradient[0].abs().sum((0, 2)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == sees


@pytest.mark.parametrize(
    ("layers", "size", "patches"), [(3, 64, 6), (3, 256, 30), (2, 64, 14), (1, 64, 30), (3, 24, 1)]
)
def test_how_many_patches(layers: int, size: int, patches: int):
    net = PatchDiscriminator(channels=4, layers=layers)
    assert net(torch.zeros(2, 3, size, size)).shape == (2, 1, patches, patches)


def test_widths_double_up_to_eight_times():
    widths = [m.out_channels for m in PatchDiscriminator(8, layers=5).modules() if isinstance(m, nn.Conv2d)]
    assert widths == [8, 16, 32, 64, 64, 64, 1]


def test_weights_start_small():
    net = PatchDiscriminator(32, layers=2)
    weight = net.body[2].weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert all(m.bias.abs().sum() == 0 for m in net.modules() if isinstance(m, nn.Conv2d))


def test_spectral_weights_have_norm_one():
    net = PatchDiscriminator(8, layers=2, norm="none", spectral=True).train()
    for _ in range(200):
        net(torch.zeros(1, 3, 16, 16))
    net.eval()
    norms = [torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert len(norms) == 4
    assert torch.allclose(torch.stack(norms), torch.ones(4), atol=1e-3)


def test_the_norm_is_a_choice():
    norms = [
        sum(isinstance(m, nn.GroupNorm) for m in PatchDiscriminator(8, norm=n).modules()) for n in ("group", "none")
    ]
    assert norms == [3, 0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"channels": 0}, "channels=0"), ({"layers": 0}, "layers=0"), ({"norm": "groups"}, "did you mean 'group'")],
)
def test_what_cannot_work_is_said(settings, message: str):
    with pytest.raises(ConfigError, match=message):
        PatchDiscriminator(**settings)


def test_small_pictures_are_an_error():
    with pytest.raises(ConfigError, match=r"16x16 pixels.*needs sides of at least 24"):
        PatchDiscriminator(4)(torch.zeros(1, 3, 16, 16))
