"""Score entropy against its definition, against each other's forms, and against other implementations."""

from __future__ import annotations

import math

import pytest
import torch
from golden import golden
from torch import Tensor

from unif2ace.diffusion.forward_processes.hybrid import HybridProcess
from unif2ace.diffusion.forward_processes.uniform import UniformProcess
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.geometric import GeometricSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.noise_schedules.log_linear import LogLinearSchedule
from unif2ace.diffusion.score import (
    NoiseMixture,
    absorbing_entropy,
    log_expm1,
    mixture_entropy,
    mixture_weight,
    paper_offset,
)

P, K = 400, 7


def _tokens(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, targets and times of P tokens."""
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(P, K, generator=g, dtype=torch.float64, requires_grad=True)
    return logits, torch.randint(0, K, (P,), generator=g), 0.01 + 0.98 * torch.rand(P, generator=g, dtype=torch.float64)


def _definition(log_score_PK: Tensor, target_P: Tensor, ratio_P: Tensor) -> Tensor:
    """Score entropy of masked tokens, term by term, as SEDD writes it."""
    log_target = log_score_PK.gather(1, target_P[:, None])[:, 0]
    return log_score_PK.exp().sum(1) - ratio_P * log_target + ratio_P * (ratio_P.log() - 1)


def test_log_expm1_at_every_size():
    x = torch.logspace(-12, math.log10(700), 200, dtype=torch.float64, requires_grad=True)
    values = log_expm1(x)
    tiny = x < 1e-3
    torch.testing.assert_close(values[tiny], (x.log() + x / 2 + x**2 / 24)[tiny], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(values[~tiny], x.expm1().log()[~tiny], rtol=1e-13, atol=1e-13)
    (slope,) = torch.autograd.grad(values.sum(), x)
    torch.testing.assert_close(slope, 1 / -torch.expm1(-x), rtol=1e-10, atol=0)
    assert log_expm1(torch.tensor([1e-12, 5e3])).isfinite().all()


def test_the_entropy_of_an_exact_softmax_is_the_cross_entropy_with_its_gradient():
    logits, target, t = _tokens()
    ratio = 1 / torch.expm1(LogLinearSchedule().sigma_bar(t))
    log_p = logits.log_softmax(1)
    nats = -log_p.gather(1, target[:, None])[:, 0]
    by_definition = _definition(log_p + ratio.log()[:, None], target, ratio)
    torch.testing.assert_close(by_definition, ratio * nats, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(ratio * absorbing_entropy(log_p, target), ratio * nats, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(x.sum(), logits, retain_graph=True)[0] for x in (by_definition, ratio * nats)]
    ours = torch.autograd.grad((ratio * absorbing_entropy(log_p, target)).sum(), logits)[0]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(ours, gradients[1], rtol=1e-10, atol=1e-12)


def test_the_entropy_of_any_scores_is_its_definition_and_never_negative():
    scores, target, t = _tokens(1)
    ratio = 1 / torch.expm1(CosineMaskgitSchedule().sigma_bar(t))
    ours = ratio * absorbing_entropy(3 * scores - ratio.log()[:, None], target)
    torch.testing.assert_close(ours, _definition(3 * scores, target, ratio), rtol=1e-11, atol=1e-11)
    assert (ours >= 0).all()
    perfect = torch.full((P, K), -800.0, dtype=torch.float64).scatter(1, target[:, None], 0.0)
    assert absorbing_entropy(perfect, target).abs().max() < 1e-15, "zero where the score is the ratio itself"


def test_the_paper_s_scale_adds_what_has_no_gradient():
    logits, target, t = _tokens(2)
    schedule = LogLinearSchedule()
    alpha, sigma, ratio = schedule.alpha(t), schedule.sigma(t), 1 / torch.expm1(schedule.sigma_bar(t))
    log_p = logits.log_softmax(1)
    exact = _definition(log_p + ratio.log()[:, None], target, ratio)
    paper = _definition(log_p - torch.log1p(-alpha)[:, None], target, ratio)
    torch.testing.assert_close(paper - exact, 1 + ratio * alpha.log(), rtol=1e-10, atol=1e-10)
    offset = paper_offset(schedule.weight(t), alpha)
    torch.testing.assert_close(offset, sigma * (paper - exact), rtol=1e-9, atol=1e-9)
    assert ((offset / sigma >= 0) & (offset / sigma <= 1)).all()
    one, other = (torch.autograd.grad(x.sum(), logits, retain_graph=True)[0] for x in (exact, paper))
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("eps", [1e-2, 1e-3])
def test_the_offset_of_a_whole_row_grows_without_bound(eps: float):
    schedule = LogLinearSchedule(eps)
    t = torch.linspace(1e-6, 1, 400_001, dtype=torch.float64)
    per_token = torch.trapezoid(paper_offset(schedule.weight(t), schedule.alpha(t)) * schedule.masked(t), t)
    assert per_token.item() == pytest.approx(-math.log(eps) - 2 * (1 - eps) - eps * math.log(eps), rel=1e-4)


@pytest.mark.parametrize("alpha", [0.9, 0.5, 0.1])
def test_with_a_larger_softmax_the_two_scales_want_different_things(alpha: float):
    mass = torch.linspace(1e-4, 1, 20_001, dtype=torch.float64)  # of the codes together; the right one has all of it
    ratio = alpha / (1 - alpha)
    best = {}
    for name, scale in (("exact", ratio), ("paper", 1 / (1 - alpha))):
        relative = (mass * scale / ratio).log()[:, None]
        best[name] = mass[absorbing_entropy(relative, torch.zeros(len(mass), dtype=torch.int64)).argmin()].item()
    assert best == {"exact": pytest.approx(1), "paper": pytest.approx(alpha, abs=1e-3)}


def _mixture_by_definition(log_p_PK: Tensor, x0_P: Tensor, xt_P: Tensor, m: NoiseMixture) -> Tensor:
    """Rate of the noise times score entropy, over the codes and, if there is one, the mask, term by term."""
    size, masks = log_p_PK.shape[1], bool((m.mask > 0).all())
    noise = torch.cat([(m.uniform / size)[:, None].expand(-1, size), m.mask[:, None].expand(-1, masks)], 1)
    prediction = torch.cat([log_p_PK.exp(), torch.zeros(len(x0_P), masks)], 1)
    truth = torch.nn.functional.one_hot(x0_P, size + masks)
    q, of_model = m.alpha[:, None] * truth + noise, m.alpha[:, None] * prediction + noise
    at = xt_P[:, None]
    ratio, score = q / q.gather(1, at), of_model / of_model.gather(1, at)
    terms = score - ratio * score.log() + ratio * (ratio.log() - 1)
    inflow = torch.where(xt_P == size, m.mask_rate * m.mask, m.uniform_rate * m.uniform / size)
    return inflow * terms.scatter(1, at, 0.0).sum(1)


@pytest.mark.parametrize("process", [UniformProcess(LinearSchedule()), HybridProcess(LinearSchedule(), 0.3)])
def test_the_entropy_of_mixtures_is_its_definition_with_its_gradient(process):
    logits, x0, t = _tokens(3)
    xt = torch.randint(0, K + (process.name == "hybrid"), (P,), generator=torch.Generator().manual_seed(0))
    xt = torch.where(torch.arange(P) % 3 == 0, x0, xt)
    m, log_p = process.mixture(t), logits.log_softmax(1)
    ours = mixture_weight(x0, xt, m, K) * mixture_entropy(log_p, x0, xt, m)
    expected = _mixture_by_definition(log_p, x0, xt, m)
    torch.testing.assert_close(ours, expected, rtol=1e-8, atol=1e-10)
    assert (ours >= 0).all()
    one, other = (torch.autograd.grad(x.sum(), logits, retain_graph=True)[0] for x in (ours, expected))
    torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


def test_it_vanishes_only_where_the_prediction_is_right():
    _, x0, t = _tokens(4)
    xt = (x0 + 1) % K
    m = UniformProcess(LinearSchedule()).mixture(t)
    right = torch.full((P, K), -80.0, dtype=torch.float64).scatter(1, x0[:, None], 0.0)
    assert mixture_entropy(right, x0, xt, m).abs().max() < 1e-14
    assert mixture_entropy(right.roll(2, 1), x0, xt, m).min() > 1e-4


def test_float32_keeps_small_entropies_near_all_noise():
    logits, x0, _ = _tokens(5)
    xt = torch.where(torch.arange(P) % 2 == 0, x0, (x0 + 1) % K)
    process = UniformProcess(LinearSchedule())
    t = (1 - torch.logspace(-6, -1, P)).float()

    def value(dtype: torch.dtype) -> Tensor:
        m = process.mixture(t.to(dtype))
        return mixture_weight(x0, xt, m, K) * mixture_entropy(logits.to(dtype).log_softmax(1), x0, xt, m)

    torch.testing.assert_close(value(torch.float32).double(), value(torch.float64), rtol=2e-3, atol=1e-9)


@pytest.mark.parametrize("size", [0, 1])
def test_sedd_s_absorbing_entropy(size: int):
    e = golden("diffusion/sedd", f"absorb_dse.{size}.float64")
    codes = e["log_score"].shape[-1] - 1
    log_score = e["log_score"].clone().requires_grad_()
    hidden = e["xt"] == codes
    log_ratio = (-log_expm1(e["sigma_bar"]))[:, None].expand(hidden.shape)[hidden]
    relative = log_score[hidden][:, :codes] - log_ratio[:, None]
    entropy = torch.zeros_like(e["dse"]).masked_scatter(
        hidden, log_ratio.exp() * absorbing_entropy(relative, e["x0"][hidden])
    )
    torch.testing.assert_close(entropy, e["dse"], rtol=1e-11, atol=1e-11)
    (gradient,) = torch.autograd.grad(entropy.sum(), log_score)
    torch.testing.assert_close(gradient, e["grad_of_sum"], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1])
def test_sedd_s_absorbing_entropy_at_extreme_noise(size: int, dtype: str):
    e = golden("diffusion/sedd", f"absorb_dse_extreme.{size}.{dtype}")
    log_p = e["logits"][:, 0].double().log_softmax(1)
    ratio = (-log_expm1(e["sigma_bar"].double())).exp()
    ours = ratio * absorbing_entropy(log_p, e["x0"][:, 0])
    expected = e["expected_ratio_times_ce"][:, 0].double()
    rtol = 1e-9 if dtype == "float64" else 1e-4
    torch.testing.assert_close(ours, expected, rtol=rtol, atol=1e-9)


@pytest.mark.parametrize("size", [0, 1])
def test_sedd_s_losses_of_a_sequence(size: int):
    for case, schedule in (("loglinear", LogLinearSchedule(1e-3)), ("geometric", GeometricSchedule(1e-4, 20.0))):
        e = golden("diffusion/sedd", f"loss_absorb_{case}.{size}.float64")
        codes = e["log_score"].shape[-1] - 1
        log_ratio = -log_expm1(schedule.sigma_bar(e["t"]))
        relative = (e["log_score"][..., :codes] - log_ratio[:, None, None]).flatten(0, 1)
        entropy = absorbing_entropy(relative, e["x0"].flatten()).view(e["x0"].shape)
        ours = schedule.weight(e["t"]) * torch.where(e["xt"] == codes, entropy, 0).sum(1)
        torch.testing.assert_close(ours, e["loss_per_sequence"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("size", [0, 1])
def test_sedd_s_uniform_entropy_is_the_definition_that_ours_is_held_to(size: int):
    e = golden("diffusion/sedd", f"uniform_dse.{size}.float64")
    codes, alpha = e["log_score"].shape[-1], torch.exp(-e["sigma_bar"])[:, None, None]
    q = alpha * torch.nn.functional.one_hot(e["x0"], codes) + (1 - alpha) / codes
    at = e["xt"][..., None]
    ratio = q / q.gather(-1, at)
    terms = e["log_score"].exp() - ratio * e["log_score"] + ratio * (ratio.log() - 1)
    torch.testing.assert_close(terms.scatter(-1, at, 0.0).sum(-1) / codes, e["dse"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("size", [0, 1])
def test_udlm_is_the_score_entropy_of_the_uniform_process(size: int):
    e = golden("diffusion/unid2", f"udlm.{size}.float64")
    rows, number = e["x0"].shape
    log_p, x0, xt = e["log_p"].flatten(0, 1), e["x0"].flatten(), e["xt"].flatten()
    m = UniformProcess(LinearSchedule()).mixture(e["t"]).at(torch.arange(rows).repeat_interleave(number))
    ours = mixture_weight(x0, xt, m, log_p.shape[1]) * mixture_entropy(log_p, x0, xt, m)
    torch.testing.assert_close(ours.view(rows, number), e["loss_per_token"], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("weighting", ["none", "clip"])
@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("size", [0, 1])
def test_gidd_s_divergences_and_weights(size: int, share: float, weighting: str):
    e = golden("diffusion/unid2", f"gidd_loss.pu{share}.{weighting}.{size}.float64")
    rows, number = e["x0"].shape
    codes = e["logits"].shape[-1] - 1
    log_p = e["logits"][..., :codes].log_softmax(-1).flatten(0, 1)
    x0, xt = e["x0"].flatten(), e["zt"].flatten()
    m = HybridProcess(LinearSchedule(), share).mixture(e["t"]).at(torch.arange(rows).repeat_interleave(number))
    weight, entropy = mixture_weight(x0, xt, m, codes), mixture_entropy(log_p, x0, xt, m)
    torch.testing.assert_close(weight.view(rows, number), e["elbo_weights"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close((weight * entropy).view(rows, number), e["elbo_per_token"], rtol=1e-5, atol=1e-6)
