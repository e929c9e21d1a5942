"""Tweedie's step: ancestral for normalised scores, SEDD's own numbers, the enumerated law of scores that are not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent))
from sampler_toys import BatchRNG, Table, p_value
from test_ancestral import exact

from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.noise_schedules.log_linear import LogLinearSchedule
from unif2ace.diffusion.samplers.analytic import AnalyticSampler
from unif2ace.diffusion.samplers.base import stay_masked_prob

FIXTURES = Path(__file__).parents[2] / "../shared/fixtures/diffusion"
needs_fixtures = pytest.mark.skipif(not FIXTURES.exists(), reason=f"needs the golden numbers at {FIXTURES}")


@pytest.mark.parametrize("normalise", [True, False])
def test_for_normalised_scores_it_is_ancestral_sampling(normalise: bool):
    table, n, schedule = Table(seed=9), 100_000, CosineMaskgitSchedule()
    sampler = AnalyticSampler(schedule, 5, normalise)
    out = sampler.sample(table, table.masks(n), BatchRNG(n))
    assert p_value(table, out, exact(table, schedule, 5)) > 1e-4
    alone = AnalyticSampler(schedule, 5).sample(table, table.masks(2000), BatchRNG(2000, seed=5))
    same = AnalyticSampler(schedule, 5, normalise=False).sample(table, table.masks(2000), BatchRNG(2000, seed=5))
    assert float((alone == same).double().mean()) > 0.999, "but for the rounding of the total mass"


class Loud(Table):
    """Log scores over r that are not log probabilities: the total mass differs from place to place."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        generator = torch.Generator().manual_seed(seed + 1)
        self.log_mass = 0.5 * torch.randn(*self.log_p.shape[:2], 1, generator=generator, dtype=torch.float64)

    def __call__(self, x_BN: torch.Tensor, t_B: torch.Tensor) -> torch.Tensor:
        return super().__call__(x_BN, t_B) + self.log_mass[self.number(x_BN)]


def test_the_law_of_scores_that_are_not_normalised_is_the_enumerated_one():
    table, n, steps, schedule = Loud(seed=10), 100_000, 6, LinearSchedule()
    kernels = []
    for k in range(steps):
        reveal = 1 / (steps - k)
        kernel = table.kernel(1.0)
        chance = (reveal * table.log_mass.exp()).clamp(max=1) if k < steps - 1 else torch.ones_like(table.log_mass)
        masked = (table.states == table.V)[..., None]
        stay = torch.nn.functional.one_hot(torch.tensor(table.V), table.V + 1)
        kernels.append(torch.where(masked, chance * kernel + (1 - chance) * stay, kernel))
    out = AnalyticSampler(schedule, steps, normalise=False).sample(table, table.masks(n), BatchRNG(n))
    law = table.of_x0(table.chain(kernels))
    assert p_value(table, out, law) > 1e-4
    normalised = AnalyticSampler(schedule, steps).sample(table, table.masks(n), BatchRNG(n))
    assert p_value(table, normalised, law) < 1e-6, "the mass must matter"
    assert p_value(table, normalised, exact(table, schedule, steps)) > 1e-4


@needs_fixtures
@pytest.mark.parametrize(("size", "V"), [(0, 4), (1, 11)])
def test_probabilities_are_sedds_where_those_are_any(size: int, V: int):
    golden = load_file(FIXTURES / "sedd.safetensors")
    case = {n: golden[f"absorb_analytic.{size}.float64.{n}"] for n in ("score", "dsigma", "xt", "probs")}
    masked = case["xt"] == V
    score, step = case["score"][..., :V], case["dsigma"]
    r = 0.7  # any: SEDD's score is r exp(logits), and a step reveals (e^dsigma - 1) r
    reveal = torch.expm1(step).expand(masked.shape)[masked] * r
    logits = (score / r).log()[masked]
    chance = torch.stack([AnalyticSampler.chance(float(a), b[None])[0] for a, b in zip(reveal, logits, strict=True)])
    theirs = case["probs"][masked]
    total = theirs[:, :V].sum(-1)
    torch.testing.assert_close(chance, total.clamp(max=1))
    legal = total <= 1
    torch.testing.assert_close((chance[:, None] * logits.softmax(-1))[legal], theirs[legal][:, :V])
    torch.testing.assert_close((1 - chance)[legal], theirs[legal][:, V])


@needs_fixtures
@pytest.mark.parametrize(("size", "V"), [(0, 4), (1, 11)])
def test_probabilities_are_mdlms(size: int, V: int):
    golden = load_file(FIXTURES / "mdlm.safetensors")
    case = {n: golden[f"analytic_update.{size}.{n}"] for n in ("xt", "logits", "t", "dt", "weights")}
    t = case["t"].double()
    reveal = 1 - stay_masked_prob(LogLinearSchedule(1e-3), t, t - case["dt"].double())
    masked = case["xt"] == V
    ours = reveal[:, None, None] * case["logits"][..., :V].double().softmax(-1)
    torch.testing.assert_close(ours[masked].float(), case["weights"][..., :V][masked], atol=3e-6, rtol=2e-5)


def test_normalised_scores_ask_the_network_only_where_a_code_is_revealed():
    table = Table(L=2)
    out = AnalyticSampler(LinearSchedule(), 500).sample(table, table.masks(1), BatchRNG(1))
    assert table.calls <= 2
    assert int(out.max()) < table.V
