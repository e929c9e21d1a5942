"""Guidance: its two conventions, its identities, one call or two."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unif2ace.diffusion.guidance import guide, guided, guided_pairs
from unif2ace.errors import ConfigError

c, u = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64).unbind()


@pytest.mark.parametrize("w", [-0.5, 0.0, 1.5, 7.0])
def test_the_two_conventions(w: float):
    torch.testing.assert_close(guide(c, u, w, "showo"), (1 + w) * c - w * u)
    torch.testing.assert_close(guide(c, u, w, "classic"), u + w * (c - u))
    torch.testing.assert_close(guide(c, u, w, "showo"), guide(c, u, w + 1, "classic"))


def test_off_is_the_conditional_to_the_last_bit():
    assert torch.equal(guide(c, u, 0.0, "showo"), c)
    assert torch.equal(guide(c, u, 1.0, "classic"), c)
    assert torch.equal(guide(c, u, -1.0, "showo"), u)
    assert torch.equal(guide(c, u, 0.0, "classic"), u)
    for w in (0.3, 3.0, 12.0):
        assert torch.equal(guide(c, c, w), c), "no difference, nothing to follow"


def test_guided_probabilities_are_a_ratio_of_powers():
    w = 2.5
    expected = c.softmax(-1) ** (1 + w) / u.softmax(-1) ** w
    torch.testing.assert_close(guide(c, u, w).softmax(-1), expected / expected.sum(-1, keepdim=True))
    mass = (c.log_softmax(-1) * (1 + w) - u.log_softmax(-1) * w).logsumexp(-1)
    assert bool((mass >= 0).all()), "unnormalised, guided scores only grow"


def test_half_precision_is_guided_in_float32():
    half_c, half_u = c.bfloat16(), u.bfloat16()
    made = guide(half_c, half_u, 5.0)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, 6 * half_c.float() - 5 * half_u.float())


def test_two_denoisers_and_pairs_of_rows_agree():
    calls: list[str] = []

    def denoiser(name: str, logits: Tensor):
        def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
            calls.append(name)
            return logits * (1 + t_B[:, None, None]) + x_BN[..., None]

        return denoise

    def pairs(x_BN: Tensor, t_B: Tensor) -> Tensor:
        assert x_BN.shape == (6, 4)
        assert torch.equal(x_BN[:3], x_BN[3:])
        assert torch.equal(t_B[:3], t_B[3:])
        return denoiser("pairs", torch.cat([c, u]))(x_BN, t_B)

    x, t = torch.arange(12).view(3, 4), torch.tensor([0.1, 0.5, 1.0])
    one = guided(denoiser("c", c), denoiser("u", u), 2.0)(x, t)
    assert calls == ["c", "u"]
    torch.testing.assert_close(one, guided_pairs(pairs, 2.0)(x, t))
    calls.clear()
    for weight, convention in ((0.0, "showo"), (1.0, "classic")):
        guided(denoiser("c", c), denoiser("u", u), weight, convention)(x, t)
    assert calls == ["c", "c"], "the unconditional is not computed if nobody needs it"


def test_an_unknown_convention_is_an_error():
    for build in (guide, guided, lambda a, b, w, n: guided_pairs(a, w, n)):
        with pytest.raises(ConfigError, match=r"showo.*classic"):
            build(c, u, 1.0, "usual")
