"""The bound against likelihoods that are enumerated: every text, every mask, every order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_language import (
    SETS,
    TEXTS,
    L,
    V,
    any_order_likelihood,
    masked,
    state,
    step_bounds,
    step_likelihoods,
    subset_bound,
    table,
)

from unif2ace.diffusion.likelihood import nelbo_corruption, nelbo_per_sample, token_nats
from unif2ace.diffusion.noise import SampleNoise, sample_uniforms
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.geometric import GeometricSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.types import CorruptedTokens, Logits

SOME = TEXTS[torch.tensor([0, 5, 11, 17, 26])]


def _logits(of: torch.Tensor, xt_GN: torch.Tensor, x0_GN: torch.Tensor) -> Logits:
    """What the table says at the masked tokens of some samples."""
    sample, token = (xt_GN == V).nonzero(as_tuple=True)
    return Logits(sample, of[state(xt_GN)][sample, token], x0_GN[sample, token], sample, token)


def _corrupted(schedule: NoiseSchedule, xt_GN: torch.Tensor, x0_GN: torch.Tensor, t_G: torch.Tensor) -> CorruptedTokens:
    of = schedule.alpha(t_G), schedule.weight(t_G), schedule.sigma(t_G)
    return CorruptedTokens(torch.arange(len(xt_GN)), x0_GN, xt_GN, t_G, *of)


def _by_quadrature(of: torch.Tensor, x0: torch.Tensor, schedule: NoiseSchedule, nodes: int) -> float:
    """The bound, nats: over times by Gauss and Legendre, over masks by enumeration."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    times, weights = torch.tensor(places / 2 + 0.5), torch.tensor(weights / 2)
    xt = torch.stack([masked(x0, s) for s in SETS])
    total = 0.0
    for t, w in zip(times, weights, strict=True):
        corrupted = _corrupted(schedule, xt, x0.expand_as(xt), t.expand(len(SETS)))
        share = schedule.masked(t)
        chance = torch.tensor([share ** len(s) * (1 - share) ** (L - len(s)) for s in SETS], dtype=torch.float64)
        total += float(w * (chance * nelbo_per_sample(_logits(of, xt, x0.expand_as(xt)), corrupted)).sum() * L)
    return total


@pytest.mark.parametrize(
    ("schedule", "nodes"),
    [(LinearSchedule(), 12), (CosineMaskgitSchedule(), 48), (GeometricSchedule(1e-10, 200.0), 300)],
    ids=["linear", "cosine", "geometric"],
)
def test_the_bound_is_one_number_under_every_schedule(schedule: NoiseSchedule, nodes: int):
    of = table(0)
    for x0 in SOME:
        assert _by_quadrature(of, x0, schedule, nodes) == pytest.approx(subset_bound(of, x0).item(), abs=1e-8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("steps", [1, 2, 4, 16])
@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineMaskgitSchedule()], ids=["linear", "cosine"])
def test_likelihood_of_steps_is_below_both_bounds(schedule: NoiseSchedule, steps: int, seed: int):
    of = table(seed, 0.5 + seed)
    alphas = schedule.alpha(torch.linspace(0, 1, steps + 1, dtype=torch.float64))
    law = step_likelihoods(of, alphas)[state(TEXTS)]
    assert law.sum().item() == pytest.approx(1, abs=1e-12), "nothing stays masked"
    for x0, p in zip(TEXTS, law, strict=True):
        tight, loose = step_bounds(of, x0, alphas)
        assert -p.log() <= tight + 1e-12
        assert tight <= loose + 1e-12
        if steps == 1:
            assert tight.item() == pytest.approx(-p.log().item(), abs=1e-12)
            assert loose.item() == pytest.approx(-p.log().item(), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_in_continuous_time_it_bounds_the_likelihood_over_all_orders(seed: int):
    of = table(seed, 0.5 + seed)
    likelihoods = torch.stack([any_order_likelihood(of, x0) for x0 in TEXTS])
    assert likelihoods.sum().item() == pytest.approx(1, abs=1e-12)
    slack = torch.stack([subset_bound(of, x0) for x0 in TEXTS]) + likelihoods.log()
    assert slack.min() > 1e-4, "orders differ, so the bound is not tight"


def test_it_is_tight_where_all_orders_agree():
    of = table(3)[:1].expand(len(table(3)), L, V)  # places are independent
    for x0 in SOME:
        exact = -sum(of.log_softmax(-1)[0, i, x0[i]] for i in range(L))
        assert subset_bound(of, x0).item() == pytest.approx(exact.item(), abs=1e-12)
        assert -any_order_likelihood(of, x0).log().item() == pytest.approx(exact.item(), abs=1e-12)


def test_many_steps_come_to_continuous_time():
    of = table(1)
    alphas = LinearSchedule().alpha(torch.linspace(0, 1, 1025, dtype=torch.float64))
    law = step_likelihoods(of, alphas)
    for x0 in SOME[:3]:
        tight, loose = step_bounds(of, x0, alphas)
        assert law[state(x0)].item() == pytest.approx(any_order_likelihood(of, x0).item(), rel=5e-3)
        assert tight.item() == pytest.approx(subset_bound(of, x0).item(), abs=5e-3)
        assert loose > 100, "the unweighted sum grows with the number of steps"


@pytest.mark.parametrize("low_discrepancy", [True, False])
def test_its_draws_have_the_bound_as_their_mean(low_discrepancy: bool):
    of, x0, number = table(2), TEXTS[14], 20_000
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(number, 3 + 2 * L, generator=generator, dtype=torch.float64)
    if low_discrepancy:
        uniform = sample_uniforms(1, torch.arange(number), 3 + 2 * L)
    x0_GN = x0.expand(number, L)
    corrupted = nelbo_corruption(torch.arange(number), x0_GN, SampleNoise.split(uniform), V)
    draws = nelbo_per_sample(_logits(of, corrupted.xt, x0_GN), corrupted).double() * L
    error = draws.std().item() / number**0.5
    assert abs(draws.mean().item() - subset_bound(of, x0).item()) < 4 * error


def test_a_sample_without_masks_has_nothing_and_samples_need_not_be_the_first():
    of, x0_GN = table(0), TEXTS[[3, 20, 9]]
    xt_GN = x0_GN.clone()
    xt_GN[0, 1] = xt_GN[2] = V
    corrupted = _corrupted(LinearSchedule(), xt_GN, x0_GN, torch.tensor([0.5, 0.0, 0.25], dtype=torch.float64))
    logits = _logits(of, xt_GN, x0_GN)
    bound = nelbo_per_sample(logits, corrupted)
    nats = token_nats(logits)
    assert bound.tolist() == pytest.approx([(2 * nats[0] / L).item(), 0.0, (4 * nats[1:].sum() / L).item()])
    samples = torch.tensor([2, 5, 6])
    moved = replace(corrupted, sample=samples)
    elsewhere = replace(logits, sample=samples[logits.sample])
    assert torch.equal(elsewhere.generation, torch.searchsorted(moved.sample, elsewhere.sample))
    assert torch.equal(nelbo_per_sample(elsewhere, moved), bound)


def test_half_precision_logits_are_widened():
    values = torch.randn(6, 50, dtype=torch.bfloat16)
    first, token = torch.zeros(6, dtype=torch.int64), torch.arange(6)
    logits = Logits(first, values, torch.arange(6), first, token)
    with torch.autocast("cpu", torch.bfloat16):
        nats = token_nats(logits)
    expected = -values.double().log_softmax(1)[torch.arange(6), torch.arange(6)]
    assert nats.dtype == torch.float32
    torch.testing.assert_close(nats.double(), expected, rtol=1e-6, atol=1e-6)
