"""Schedules against autograd, closed forms at float64, and other implementations."""

from __future__ import annotations

import math

import pytest
import torch
from golden import golden

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.cosine_mdlm import CosineMdlmSchedule
from unif2ace.diffusion.noise_schedules.cosine_sq import CosineSqSchedule
from unif2ace.diffusion.noise_schedules.geometric import GeometricSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.noise_schedules.log_linear import LogLinearSchedule
from unif2ace.errors import ConfigError

ALL = [
    LinearSchedule(),
    LogLinearSchedule(1e-3),
    LogLinearSchedule(0.2),
    GeometricSchedule(1e-4, 20.0),
    GeometricSchedule(1e-3, 1.0),
    CosineMaskgitSchedule(),
    CosineMdlmSchedule(1e-3),
    CosineSqSchedule(1e-3),
    CosineSqSchedule(0.0),
]
TIMES = torch.cat([torch.logspace(-6, -1, 21), torch.linspace(0.1, 0.9, 17), 1 - torch.logspace(-6, -1, 21)]).double()


def _name(schedule: NoiseSchedule) -> str:
    return "-".join([type(schedule).__name__, *(f"{v:g}" for k, v in vars(schedule).items() if k[0] != "_")])


@pytest.mark.parametrize("schedule", ALL, ids=_name)
def test_rate_and_weight_are_the_derivatives_that_they_claim(schedule: NoiseSchedule):
    t = TIMES.clone().requires_grad_()
    alpha = schedule.alpha(t)
    (slope,) = torch.autograd.grad(alpha.sum(), t)
    torch.testing.assert_close(slope, -schedule.sigma(t) * alpha, rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(slope, -schedule.weight(t) * schedule.masked(t), rtol=1e-9, atol=1e-13)
    (noise_slope,) = torch.autograd.grad(schedule.sigma_bar(t).sum(), t)
    torch.testing.assert_close(noise_slope, schedule.sigma(t), rtol=1e-7, atol=1e-12)
    assert (slope < 0).all(), "alpha falls"


@pytest.mark.parametrize("schedule", ALL, ids=_name)
def test_the_probabilities_fit_together(schedule: NoiseSchedule):
    alpha, masked, noise = schedule.alpha(TIMES), schedule.masked(TIMES), schedule.sigma_bar(TIMES)
    torch.testing.assert_close(alpha + masked, torch.ones_like(TIMES), rtol=0, atol=1e-14)
    torch.testing.assert_close(torch.exp(-noise), alpha, rtol=1e-9, atol=1e-15)
    assert ((alpha >= 0) & (alpha <= 1) & (masked >= 0) & (masked <= 1)).all()


@pytest.mark.parametrize("schedule", ALL, ids=_name)
def test_it_starts_clean_and_ends_as_noisy_as_it_says(schedule: NoiseSchedule):
    ends = schedule.alpha(torch.tensor([0.0, 1.0], dtype=torch.float64))
    if isinstance(schedule, GeometricSchedule):
        expected = [math.exp(-schedule.start), math.exp(-schedule.end)]
    else:
        expected = [1.0, getattr(schedule, "eps", 0.0)]
    assert ends.tolist() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("schedule", ALL, ids=_name)
def test_float32_keeps_its_digits_at_both_ends(schedule: NoiseSchedule):
    t = TIMES.float()
    rtol = 3e-5 if isinstance(schedule, GeometricSchedule) else 3e-6  # exp of 20 multiplies its error
    for function in ("alpha", "masked", "sigma_bar", "sigma", "weight"):
        exact = getattr(schedule, function)(t.double())
        torch.testing.assert_close(getattr(schedule, function)(t).double(), exact, rtol=rtol, atol=1e-30)


@pytest.mark.parametrize("schedule", ALL, ids=_name)
def test_nothing_is_negative_or_undefined_at_the_very_ends(schedule: NoiseSchedule):
    for dtype in (torch.float32, torch.float64):
        ends = torch.tensor([0.0, 1.0], dtype=dtype)
        for function in ("alpha", "masked", "sigma_bar", "sigma", "weight"):
            values = getattr(schedule, function)(ends)
            assert (values >= 0).all(), function  # also false for nan
        assert schedule.weight(ends)[1].isfinite()
        assert schedule.sigma(ends)[0].isfinite()


@pytest.mark.parametrize("eps", [0.0, 1e-4, 1e-3, 0.1, 0.9])
def test_the_log_linear_weight_is_one_over_t_for_every_eps(eps: float):
    schedule = LogLinearSchedule(eps)
    by_definition = schedule.sigma(TIMES) * schedule.alpha(TIMES) / schedule.masked(TIMES)
    torch.testing.assert_close(by_definition, 1 / TIMES, rtol=1e-12, atol=0)
    assert torch.equal(schedule.weight(TIMES), 1 / TIMES)


def test_the_three_cosines_are_three_functions():
    half = torch.tensor(0.5, dtype=torch.float64)
    found = [s.masked(half).item() for s in (CosineMaskgitSchedule(), CosineMdlmSchedule(0.0), CosineSqSchedule(0.0))]
    assert found == pytest.approx([math.sqrt(0.5), 1 - math.sqrt(0.5), 0.5])


@pytest.mark.parametrize(
    ("file", "case", "schedule"),
    [
        ("sedd", "noise.loglinear", LogLinearSchedule(1e-3)),
        ("sedd", "noise.loglinear_eps1e4", LogLinearSchedule(1e-4)),
        ("sedd", "noise.geometric_1e4_20", GeometricSchedule(1e-4, 20.0)),
        ("sedd", "noise.geometric_1e3_1", GeometricSchedule(1e-3, 1.0)),
        ("mdlm", "noise.loglinear", LogLinearSchedule(1e-3)),
        ("mdlm", "noise.geometric_1e4_20", GeometricSchedule(1e-4, 20.0)),
        ("mdlm", "noise.cosine", CosineMdlmSchedule(1e-3)),
        ("mdlm", "noise.cosinesqr", CosineSqSchedule(1e-3)),
    ],
)
def test_others_compute_the_same(file: str, case: str, schedule: NoiseSchedule):
    expected = golden(f"diffusion/{file}", case)
    t = expected["t"].double()
    # their float32 loses digits where little is left of the clean token, and of weights where little is masked
    torch.testing.assert_close(schedule.sigma(t), expected["sigma"].double(), rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(schedule.sigma_bar(t), expected["sigma_bar"].double(), rtol=1e-3, atol=1e-6)
    if "elbo_weight" in expected:
        torch.testing.assert_close(schedule.weight(t)[1:], expected["elbo_weight"].double()[1:], rtol=1e-3, atol=2e-7)


@pytest.mark.parametrize(("name", "schedule"), [("cosine", CosineMaskgitSchedule()), ("linear", LinearSchedule())])
def test_the_mask_ratios_of_show_o(name: str, schedule: NoiseSchedule):
    expected = golden("diffusion/showo", f"schedule.{name}")
    shares = schedule.masked(1 - expected["u"].double())  # its time runs the other way
    torch.testing.assert_close(shares, expected["mask_ratio"].double(), rtol=1e-5, atol=2e-6)
    grid = golden("showo/masking")
    shares = schedule.masked(1 - grid["grid_t"].double())
    torch.testing.assert_close(shares, grid[f"schedule.{name}"].double(), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("make", [LogLinearSchedule, CosineMdlmSchedule, CosineSqSchedule])
def test_eps_is_a_share(make):
    for eps in (-0.1, 1.0):
        with pytest.raises(ConfigError, match="eps"):
            make(eps)
    with pytest.raises(ConfigError, match="start"):
        GeometricSchedule(2.0, 1.0)
