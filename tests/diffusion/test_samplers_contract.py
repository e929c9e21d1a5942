"""What every sampler keeps to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from unif2ace.diffusion.filtering import Filter, filtered
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.samplers.analytic import AnalyticSampler
from unif2ace.diffusion.samplers.ancestral import AncestralSampler
from unif2ace.diffusion.samplers.base import PerSampleRNG, Sampler
from unif2ace.diffusion.samplers.first_hitting import FirstHittingSampler
from unif2ace.diffusion.samplers.maskgit import MaskgitSampler
from unif2ace.diffusion.samplers.remdm import STRATEGIES, RemdmSampler
from unif2ace.engine import compose, instantiate
from unif2ace.errors import DataError

FILES = sorted((Path(__file__).parents[2] / "configs" / "sampler").glob("*.yaml"))


def _configured(name: str) -> Sampler:
    sampler: Sampler = instantiate(compose("generate", [f"sampler={name}"]).sampler)
    return sampler


SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "maskgit": lambda: MaskgitSampler(steps=7),
    "maskgit_showo": lambda: MaskgitSampler(steps=30, temperature_schedule="showo", mask_count_base="all"),
    "ancestral": lambda: AncestralSampler(CosineMaskgitSchedule(), 9),
    "ancestral_slow": lambda: AncestralSampler(LinearSchedule(), 9, cache=False),
    "first_hitting": FirstHittingSampler,
    "analytic": lambda: AnalyticSampler(LinearSchedule(), 9),
    "analytic_scores": lambda: AnalyticSampler(LinearSchedule(), 9, normalise=False),
    **{f"yaml_{file.stem}": (lambda name=file.stem: _configured(name)) for file in FILES},
    **{f"remdm_{s}": (lambda s=s: RemdmSampler(LinearSchedule(), 9, s, eta=0.3)) for s in STRATEGIES},
}

N, K = 24, 50
weight = torch.randn(N, K + 1, K, generator=torch.Generator().manual_seed(0))


def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
    """Logits of each row depend on all its codes, and on nothing of other rows."""
    places = torch.arange(N)
    about = weight[places, x_BN]
    return about + torch.roll(about, 1, 1) + 0.1 * about.double().mean(1, keepdim=True).float()


def _start() -> Tensor:
    x = torch.randint(K, (5, N), generator=torch.Generator().manual_seed(1))
    for row, masked in enumerate((N, N - 5, 10, 1, 0)):
        x[row, torch.randperm(N, generator=torch.Generator().manual_seed(row))[:masked]] = K
    return x


@pytest.fixture(params=SAMPLERS, name="sampler")
def _sampler(request: pytest.FixtureRequest) -> Sampler:
    return SAMPLERS[request.param]()


def test_codes_are_complete_and_known_ones_are_kept_at_every_step(sampler: Sampler):
    start = _start()
    before, steps = start.clone(), []

    def on_step(k: int, x_BN: Tensor) -> None:
        assert torch.equal(x_BN[start != K], start[start != K])
        assert int(x_BN.min()) >= 0
        assert int(x_BN.max()) <= K
        steps.append((k, (x_BN == K).sum(1)))

    out = sampler.sample(denoise, start, PerSampleRNG(range(5)), on_step)
    assert out.dtype == torch.int64
    assert out.shape == start.shape
    assert int(out.min()) >= 0
    assert int(out.max()) < K
    assert torch.equal(out[start != K], start[start != K])
    assert torch.equal(start, before), "what was handed in is not changed"
    assert [k for k, _ in steps] == sorted({k for k, _ in steps})
    if not isinstance(sampler, RemdmSampler):
        numbers = torch.stack([(start == K).sum(1), *(n for _, n in steps)])
        assert bool((numbers[1:] <= numbers[:-1]).all()), "masks only become fewer"
        assert bool((numbers[-1] == 0).all())


def test_a_row_is_the_same_in_any_batch_and_differs_by_seed(sampler: Sampler):
    start, seeds = _start(), [11, 12, 13, 14, 15]
    together = sampler.sample(denoise, start, PerSampleRNG(seeds))
    assert torch.equal(together, sampler.sample(denoise, start, PerSampleRNG(seeds)))
    for row, seed in enumerate(seeds):
        alone = sampler.sample(denoise, start[row : row + 1], PerSampleRNG([seed]))
        assert torch.equal(alone[0], together[row])
    turned = sampler.sample(denoise, start.flip(0), PerSampleRNG(seeds[::-1]))
    assert torch.equal(turned.flip(0), together)
    other = sampler.sample(denoise, start, PerSampleRNG([21, 22, 23, 24, 25]))
    assert not torch.equal(other[0], together[0])
    assert torch.equal(other[4], together[4])


def test_filters_are_obeyed(sampler: Sampler):
    greedy = sampler.sample(filtered(denoise, Filter(top_k=1)), _start(), PerSampleRNG(range(5)))
    allowed = torch.zeros(N, K, dtype=torch.bool)
    allowed[:, ::7] = True

    def few(x_BN: Tensor, t_B: Tensor) -> Tensor:
        return denoise(x_BN, t_B).masked_fill(~allowed, -torch.inf)

    if getattr(sampler, "normalise", True):
        assert int(greedy.max()) < K
        out = sampler.sample(few, _start(), PerSampleRNG(range(5)))
        assert bool((out[_start() == K] % 7 == 0).all())


def test_half_precision_logits_one_code_and_no_gradient(sampler: Sampler):
    scale = torch.ones((), requires_grad=True)
    out = sampler.sample(lambda x, t: (denoise(x, t) * scale).bfloat16(), _start(), PerSampleRNG(range(5)))
    assert int(out.max()) < K
    assert not out.requires_grad
    one = sampler.sample(
        lambda x, t: torch.zeros(*x.shape, 1), torch.ones(2, N, dtype=torch.int64), PerSampleRNG([0, 1])
    )
    assert not one.any()


def test_a_network_that_broke_is_an_error(sampler: Sampler):
    with pytest.raises(DataError, match="NaN"):
        sampler.sample(lambda x, t: denoise(x, t) * torch.nan, _start(), PerSampleRNG(range(5)))


def test_it_runs_in_inference_mode(sampler: Sampler):
    with torch.inference_mode():
        inside = sampler.sample(denoise, _start(), PerSampleRNG(range(5)))
    assert torch.equal(inside.clone(), sampler.sample(denoise, _start(), PerSampleRNG(range(5))))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: make test-gpu")
@pytest.mark.parametrize("place", ["cpu", "cuda"], ids=lambda p: f"draws on {p}")
def test_a_gpu_draws_the_same_codes(sampler: Sampler, place: str):
    sharp = Filter(0.9, top_k=20, top_p=0.9)
    expected = sampler.sample(filtered(denoise, sharp), _start(), PerSampleRNG(range(5)))

    def on_gpu(x_BN: Tensor, t_B: Tensor) -> Tensor:
        assert x_BN.is_cuda
        assert t_B.is_cuda
        return denoise(x_BN.cpu(), t_B.cpu()).cuda()

    out = sampler.sample(filtered(on_gpu, sharp), _start().cuda(), PerSampleRNG(range(5), place))
    assert out.is_cuda
    assert torch.equal(out.cpu(), expected)
