"""Ancestral sampling: the enumerated law of T steps, one network call where a code is revealed, MDLM's own weights."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from sampler_toys import BatchRNG, Table, p_value

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.geometric import GeometricSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.noise_schedules.log_linear import LogLinearSchedule
from unif2ace.diffusion.samplers.ancestral import AncestralSampler
from unif2ace.diffusion.samplers.base import PerSampleRNG, stay_masked_prob
from unif2ace.errors import ConfigError

FIXTURES = Path(__file__).parents[2] / "../shared/fixtures/diffusion"


def exact(table: Table, schedule: NoiseSchedule, steps: int) -> Tensor:
    """Law of `x0` after T steps taken one by one."""
    kernels = []
    for k in range(steps):
        t, s = (torch.tensor(1 - j / steps, dtype=torch.float64) for j in (k, k + 1))
        a_t, a_s = schedule.alpha(t).item(), schedule.alpha(s).item()
        kernels.append(table.kernel(1.0 if k == steps - 1 else (a_s - a_t) / (1 - a_t)))
    return table.of_x0(table.chain(kernels))


@pytest.mark.parametrize(
    "schedule", [LinearSchedule(), CosineMaskgitSchedule(), GeometricSchedule()], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize("steps", [1, 2, 5, 16])
def test_the_law_is_the_enumerated_one(schedule: NoiseSchedule, steps: int):
    table, n = Table(seed=1), 100_000
    out = AncestralSampler(schedule, steps).sample(table, table.masks(n), BatchRNG(n, seed=steps))
    assert p_value(table, out, exact(table, schedule, steps)) > 1e-4


def test_more_steps_are_told_apart_and_come_near_any_order():
    table, n, schedule = Table(seed=1), 100_000, LinearSchedule()
    out = AncestralSampler(schedule, 2).sample(table, table.masks(n), BatchRNG(n))
    assert p_value(table, out, exact(table, schedule, 5)) < 1e-6
    many = AncestralSampler(schedule, 256).sample(table, table.masks(20_000), BatchRNG(20_000))
    assert p_value(table, many, table.any_order()) > 1e-4
    far = [float((exact(table, schedule, T) - table.any_order()).abs().max()) for T in (4, 64, 1024)]
    assert far[0] > 8 * far[1] > 64 * far[2], "the limit of many steps is any order"


def test_rows_of_the_own_seeds_follow_the_law_too():
    table, n = Table(seed=2), 20_000
    out = AncestralSampler(LinearSchedule(), 4).sample(table, table.masks(n), PerSampleRNG(range(n)))
    assert p_value(table, out, exact(table, LinearSchedule(), 4)) > 1e-4


def _one_by_one(table: Table, schedule: NoiseSchedule, steps: int, rng: BatchRNG) -> Tensor:
    """The textbook's loop: the network is asked in every step; the same random numbers."""
    x = table.masks(rng.rows)
    when, which = rng.uniform(2 * table.L).chunk(2, 1)
    masked_so_far = torch.ones(())
    for k in range(steps):
        t, s = (torch.tensor(1 - j / steps, dtype=torch.float64) for j in (k, k + 1))
        masked_so_far = masked_so_far * (schedule.masked(s) / schedule.masked(t) if k < steps - 1 else 0.0)
        p = table(x, t.float().expand(rng.rows)).exp()
        codes = (p.cumsum(-1) <= which[..., None] * p.sum(-1, keepdim=True)).sum(-1)
        x = torch.where((x == table.V) & (when >= masked_so_far), codes, x)
    return x


class Timed(Table):
    """Its answer depends on the time."""

    def __call__(self, x_BN: Tensor, t_B: Tensor) -> Tensor:
        return super().__call__(x_BN, t_B) * (0.5 + t_B[:, None, None])


@pytest.mark.parametrize("kind", [Table, Timed])
@pytest.mark.parametrize("steps", [3, 40])
def test_fewer_calls_change_nothing(kind: type[Table], steps: int):
    schedule, n = CosineMaskgitSchedule(), 50
    table = kind(seed=4)
    expected = _one_by_one(table, schedule, steps, BatchRNG(n))
    assert table.calls == steps
    answers = []
    for cache in (True, False):
        if cache and kind is Timed:
            continue
        table.calls = 0
        answers.append(AncestralSampler(schedule, steps, cache).sample(table, table.masks(n), BatchRNG(n)))
        assert table.calls <= steps + (not cache)
        assert torch.equal(answers[-1], expected)


def test_the_network_is_called_once_for_a_step_that_reveals_something():
    table, changes = Table(seed=5, L=4), []
    sampler = AncestralSampler(LinearSchedule(), 1000)
    out = sampler.sample(table, table.masks(1), PerSampleRNG([7]), lambda k, x: changes.append(k))
    assert table.calls == len(changes) <= 4
    assert changes == sorted(set(changes))
    assert int(out.max()) < table.V
    table.calls = 0
    AncestralSampler(LinearSchedule(), 2).sample(table, table.masks(50), PerSampleRNG(range(50)))
    assert table.calls == 2


def test_the_share_of_masks_follows_the_schedule():
    table, n, steps = Table(L=6, V=2), 20_000, 8
    schedule, seen = CosineMaskgitSchedule(), {}
    AncestralSampler(schedule, steps).sample(
        table, table.masks(n), BatchRNG(n), lambda k, x: seen.update({k: (x == 2).double().mean().item()})
    )
    for k in range(steps):
        expected = schedule.masked(torch.tensor(1 - (k + 1) / steps, dtype=torch.float64)).item()
        assert seen[k] == pytest.approx(expected, abs=5 * (0.25 / (6 * n)) ** 0.5)


@pytest.mark.skipif(not FIXTURES.exists(), reason=f"needs the golden numbers at {FIXTURES}")
@pytest.mark.parametrize(("size", "V"), [(0, 4), (1, 11)])
def test_probabilities_are_mdlms(size: int, V: int):
    golden = load_file(FIXTURES / "mdlm.safetensors")
    for update, schedule in (("ddpm_update", LogLinearSchedule(1e-3)), ("ddpm_cache_update", LinearSchedule())):
        case = {n: golden[f"{update}.{size}.{n}"] for n in ("xt", "logits", "t", "dt", "weights")}
        t = case["t"].double()
        stay = stay_masked_prob(schedule, t, t - case["dt"].double())
        masked = case["xt"] == V
        p = case["logits"][..., :V].double().softmax(-1)
        expected = case["weights"] / case["weights"].sum(-1, keepdim=True)  # MDLM's are up to a factor
        ours = torch.cat([(1 - stay)[:, None, None] * p, stay[:, None, None].expand(*p.shape[:2], 1)], -1)
        torch.testing.assert_close(ours[masked].float(), expected[masked], atol=3e-6, rtol=2e-5)


def test_the_last_step_reveals_all_under_noise_that_never_ends():
    table = Table()
    late = GeometricSchedule(start=0.5, end=20.0)
    assert float(late.masked(torch.tensor(0.0))) > 0.3
    out = AncestralSampler(late, 3).sample(table, table.masks(500), BatchRNG(500))
    assert int(out.max()) < table.V


def test_no_step_is_an_error():
    with pytest.raises(ConfigError, match=r"sampler\.steps=0"):
        AncestralSampler(LinearSchedule(), 0)
