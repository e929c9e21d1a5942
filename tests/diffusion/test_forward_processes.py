"""Corruption against its law, Show-o's masks, and the sums that its formulas must obey."""

from __future__ import annotations

import math

import pytest
import torch
from golden import about, golden

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.forward_processes.hybrid import HybridProcess
from unif2ace.diffusion.forward_processes.uniform import UniformProcess
from unif2ace.diffusion.noise import SampleNoise
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.noise_schedules.log_linear import LogLinearSchedule
from unif2ace.errors import ConfigError

K, N = 5, 16
PROCESSES = [AbsorbingProcess(LinearSchedule()), UniformProcess(LinearSchedule()), HybridProcess(LinearSchedule(), 0.3)]


def _corrupted(forward_process: ForwardProcess, rows: int, time: float | None = None):
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(rows, 1 + 2 * N, generator=generator)
    if time is not None:
        uniform[:, 0] = (time - forward_process.t_min) / (1 - forward_process.t_min)
    x0 = torch.randint(0, K, (rows, N), generator=generator)
    noise = SampleNoise.split(torch.nn.functional.pad(uniform, (0, 2)))  # nothing of the text is left out here
    return forward_process.corrupt(torch.arange(rows), x0, noise, K)


@pytest.mark.parametrize("forward_process", PROCESSES, ids=lambda p: p.name)
@pytest.mark.parametrize("time", [0.1, 0.5, 0.95])
def test_tokens_follow_the_law(forward_process: ForwardProcess, time: float):
    corrupted = _corrupted(forward_process, 4000, time)
    number = corrupted.x0.numel()
    law = {"absorbing": (1 - time, 1 - (1 - time)), "uniform": (1 - time + time / K, 0.0)}
    if isinstance(forward_process, HybridProcess):
        m = forward_process.mixture(torch.tensor([time], dtype=torch.float64))
        law["hybrid"] = ((m.alpha + m.uniform / K).item(), m.mask.item())
    untouched, masked = law[forward_process.name]
    for share, found in ((untouched, corrupted.xt == corrupted.x0), (masked, corrupted.xt == K)):
        error = math.sqrt(share * (1 - share) / number) + 1e-9
        assert abs(found.double().mean().item() - share) < 5 * error
    other = corrupted.xt[(corrupted.xt != corrupted.x0) & (corrupted.xt != K)]
    assert len(other) == 0 or torch.bincount(other, minlength=K).min() > 0.9 * len(other) / K
    # tokens of a row are drawn each by itself: the number of untouched ones has the binomial variance
    counts = (corrupted.xt == corrupted.x0).double().sum(1)
    assert counts.var().item() == pytest.approx(N * untouched * (1 - untouched), rel=0.15)


@pytest.mark.parametrize("forward_process", PROCESSES, ids=lambda p: p.name)
def test_what_it_says_of_a_sample_is_the_schedule_at_its_time(forward_process: ForwardProcess):
    corrupted = _corrupted(forward_process, 50)
    assert ((corrupted.t >= forward_process.t_min) & (corrupted.t <= 1)).all()
    torch.testing.assert_close(
        corrupted.sigma * corrupted.alpha, corrupted.weight * (1 - corrupted.alpha), rtol=1e-3, atol=1e-6
    )
    if not isinstance(forward_process, HybridProcess):
        assert torch.equal(corrupted.alpha, 1 - corrupted.t)


def test_a_fixed_count_masks_the_rounded_number_and_at_least_one():
    corrupted = _corrupted(AbsorbingProcess(CosineMaskgitSchedule(), "fixed_count", t_min=0.0), 300)
    expected = (N * torch.sin(math.pi / 2 * corrupted.t)).round().clamp(min=1)
    assert torch.equal((corrupted.xt == K).sum(1).float(), expected)
    assert (corrupted.xt == K).float().mean(0).std() < 0.1, "every place is masked as often"


def test_time_is_reached_at_both_ends():
    for t_min in (0.0, 1e-3):
        forward_process = AbsorbingProcess(LinearSchedule(), t_min=t_min)
        t = forward_process.times(torch.tensor([0.0, 1 - 2**-24]))
        assert t[0] == pytest.approx(t_min)
        assert 1 - 1e-6 <= t[1] <= 1


@pytest.mark.parametrize("case", [0, 1])
def test_the_masks_of_show_o(case: int):
    expected, codebook = golden("showo/masking", f"case{case}"), 64
    vocabulary = about("showo/masking")["vocab"]
    offset, mask_id = vocabulary["image_offset"], vocabulary["mask_token_id"]
    x0, number = expected["tokens"] - offset, expected["tokens"].shape[1]
    order = expected["rand"].argsort(1)  # its order of places, as our ranks
    none, zero = torch.zeros(len(x0)), torch.zeros(x0.shape)
    noise = SampleNoise(1 - expected["timesteps"], order / number, zero, none, none)
    forward_process = AbsorbingProcess(CosineMaskgitSchedule(), "fixed_count", t_min=0.0)
    corrupted = forward_process.corrupt(torch.arange(len(x0)), x0, noise, codebook)
    torch.testing.assert_close(1 - corrupted.alpha, expected["mask_prob"], rtol=0, atol=2e-6)
    assert torch.equal(torch.where(corrupted.xt == codebook, mask_id, corrupted.xt + offset), expected["input_ids"])
    assert torch.equal(torch.where(corrupted.xt == codebook, expected["tokens"], -100), expected["labels"])


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.5])
def test_the_mixture_sums_to_one_and_its_rates_are_its_derivatives(gamma: float):
    forward_process = HybridProcess(LogLinearSchedule(1e-2), 0.2, gamma)
    t = torch.linspace(0.01, 0.99, 33, dtype=torch.float64, requires_grad=True)
    m = forward_process.mixture(t)
    torch.testing.assert_close(m.alpha + m.mask + m.uniform, torch.ones_like(t), rtol=0, atol=1e-12)

    def slope(share: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(share.sum(), t, retain_graph=True)[0]

    torch.testing.assert_close(m.sigma, -slope(m.alpha) / m.alpha)
    torch.testing.assert_close(m.mask_rate * m.mask, slope(m.mask) + m.sigma * m.mask)
    torch.testing.assert_close(m.uniform_rate * m.uniform, slope(m.uniform) + m.sigma * m.uniform)
    assert (m.uniform_rate >= 0).all(), "noise only flows in"
    assert (m.mask_rate >= 0).all()


def test_random_codes_have_their_share_at_half():
    m = HybridProcess(LinearSchedule(), 0.3).mixture(torch.tensor([0.5], dtype=torch.float64))
    assert m.uniform.item() == pytest.approx(0.3)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_mixture_of_gidd(share: float):
    expected = golden("diffusion/unid2", f"gidd_schedule.pu{share}.0")
    m = HybridProcess(LinearSchedule(), share).mixture(expected["t"].double())
    torch.testing.assert_close(m.alpha, expected["alpha"][:, 0].double(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(m.mask, expected["beta_pi"][:, -1].double(), rtol=1e-4, atol=1e-6)
    of_codes = expected["beta_pi"][:, :-1].double()
    torch.testing.assert_close(m.uniform[:, None] / 4, of_codes.mean(1, keepdim=True), rtol=1e-4, atol=1e-6)


def test_the_uniform_process_is_the_exponential_of_its_rates():
    schedule, rate = LinearSchedule(), torch.full((K, K), 1 / K, dtype=torch.float64) - torch.eye(K).double()
    for time in (0.1, 0.7, 0.99):
        t = torch.tensor([time], dtype=torch.float64)
        m = UniformProcess(schedule).mixture(t)
        law = m.alpha * torch.eye(K).double() + m.uniform / K
        torch.testing.assert_close(torch.matrix_exp(schedule.sigma_bar(t) * rate), law)
        assert (m.uniform_rate * m.uniform).item() == pytest.approx(schedule.sigma(t).item())


@pytest.mark.parametrize("wrong", [{"masking": "fixed"}, {"t_min": 1.0}, {"t_min": -1e-3}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        AbsorbingProcess(LinearSchedule(), **wrong)
    for bad in ({"p_uniform": 0.0}, {"gamma": 2.0}):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            HybridProcess(LinearSchedule(), **bad)
