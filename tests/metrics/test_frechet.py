"""Frechet and kernel distance against closed forms and other implementations; what the metric keeps and forgets."""

from __future__ import annotations

import copy
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
import torch
from picture_steps import noisy, picture_step, random_pictures
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torchmetrics.image.fid import FrechetInceptionDistance

from unif2ace.errors import ConfigError
from unif2ace.metrics.codebook import CodebookMetric
from unif2ace.metrics.frechet import FrechetMetric, frechet_distance, kernel_distance
from unif2ace.metrics.psnr import PSNRMetric
from unif2ace.metrics.ssim import SSIMMetric
from unif2ace.nets.features.base import FrozenFeatures
from unif2ace.types import StepOutput


class Blocks(FrozenFeatures):
    """A picture's means over four blocks, 12 features; one weight, so that there is something to keep out."""

    made = 0
    name, num_features = "blocks-8px", 12

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1
        self.factor = nn.Parameter(torch.tensor(1 / 64), requires_grad=False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (image,)

    def pooled(self, image: Tensor) -> Tensor:
        return self.factor * avg_pool2d(image.float(), image.shape[-1] // 2).flatten(1)


def _measured(image: Tensor, made: Tensor, rows: int = 16, **settings) -> dict[str, float]:
    metric = FrechetMetric(Blocks, **settings)
    for start in range(0, len(image), rows):
        cut = slice(start, start + rows)
        metric.update(picture_step(image[cut], made[cut], index=torch.arange(len(image))[cut]))
    return {key: value.item() for key, value in metric.compute().items()}


def _pair(rows: int = 64) -> tuple[Tensor, Tensor]:
    image = random_pictures(0, rows)
    return image, noisy(image, 1, 80.0)


# the mathematics


def test_gaussians_with_diagonal_covariances():
    mean, other = torch.tensor([[0.0, 1, 2], [1.0, -1, 2]], dtype=torch.float64)
    a, b = torch.tensor([[1.0, 4, 9], [4.0, 0, 1]], dtype=torch.float64)
    expected = 1 + 4 + 1 + 4 + 4  # squared means, then (sqrt(a) - sqrt(b)) ** 2
    assert frechet_distance(mean, a.diag(), other, b.diag()).item() == pytest.approx(expected, abs=1e-9)


def test_a_scaled_and_turned_gaussian():
    draw = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=draw, dtype=torch.float64)
    cov, zero = root @ root.T, torch.zeros(6, dtype=torch.float64)
    assert frechet_distance(zero, cov, zero, cov).item() == pytest.approx(0, abs=1e-9)
    # C and 9 C: tr(C + 9 C - 2 * 3 C) = 4 tr C
    assert frechet_distance(zero, cov, zero, 9 * cov).item() == pytest.approx(4 * cov.trace().item(), rel=1e-9)


def test_covariances_that_do_not_commute():
    draw = torch.Generator().manual_seed(1)
    a, b = (r @ r.T for r in torch.randn(2, 5, 3, generator=draw, dtype=torch.float64))  # of rank 3
    zero = torch.zeros(5, dtype=torch.float64)
    root = torch.linalg.eigvals(a @ b).real.clamp(min=0).sqrt().sum()
    expected = (a.trace() + b.trace() - 2 * root).item()
    assert frechet_distance(zero, a, zero, b).item() == pytest.approx(expected, abs=1e-6)


def test_the_kernel_distance_is_its_double_sum():
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 7, 4, generator=draw, dtype=torch.float64)

    def k(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b / 4 + 1) ** 3

    pairs = [(i, j) for i in range(7) for j in range(7) if i != j]
    expected = sum(k(x[i], x[j]) + k(y[i], y[j]) - 2 * k(x[i], y[j]) for i, j in pairs) / len(pairs)
    assert kernel_distance(x, y).item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_kernel_distance_is_unbiased_for_pairs_that_depend_on_each_other():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 5, 8, generator=draw, dtype=torch.float64)
    y = 0.9 * x + math.sqrt(1 - 0.81) * torch.randn(x.shape, generator=draw, dtype=torch.float64)  # as x is distributed
    values = torch.stack([kernel_distance(a, b) for a, b in zip(x, y, strict=True)])
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean()) < 4 * error
    assert error < 0.01


# the metric


def test_it_is_the_fid_of_another_implementation():
    image, made = _pair()
    features = Blocks()
    oracle = FrechetInceptionDistance(feature=_Pooled(features), input_img_size=(3, 8, 8)).set_dtype(torch.float64)
    oracle.update(image, real=True)
    oracle.update(made, real=False)
    measured = _measured(image, made)
    assert measured["frechet"] == pytest.approx(oracle.compute().item(), rel=1e-4)
    assert measured["frechet"] > 0.1


class _Pooled(nn.Module):
    num_features = 12

    def __init__(self, features: FrozenFeatures) -> None:
        super().__init__()
        self.features = features

    def forward(self, image: Tensor) -> Tensor:
        return self.features.pooled(image)


def test_batches_of_any_size_give_the_same():
    image, made = _pair(50)
    assert _measured(image, made, 7) == pytest.approx(_measured(image, made, 50), rel=1e-6)


def test_exact_reconstructions_have_no_distance():
    image = random_pictures(0, 40)
    assert _measured(image, image) == pytest.approx({"frechet": 0, "kernel": 0}, abs=1e-6)


def test_the_kernel_distance_takes_the_first_of_the_split_in_any_order():
    image, made = _pair(40)
    first = _measured(image[:10], made[:10])["kernel"]
    metric = FrechetMetric(Blocks, kernel_pictures=10)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    for cut in order.split(9):
        metric.update(picture_step(image[cut], made[cut], index=cut))
        assert len(metric.rows[0]) <= 10
    assert metric.compute()["kernel"].item() == pytest.approx(first, rel=1e-6)
    assert metric.describe() == {
        "frechet": "blocks-8px, 40 pictures",
        "kernel": "blocks-8px, first 10 pictures",
    }
    assert set(_measured(image, made, kernel_pictures=0)) == {"frechet"}


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_invalid_rows_are_left_out_and_fewer_than_two_give_nan():
    image, made = _pair(6)
    metric = FrechetMetric(Blocks)
    assert all(v.isnan() for v in metric.compute().values())
    metric.update(picture_step(image, made, [False] * 6))
    metric.update(picture_step(image[:1], made[:1]))
    assert all(v.isnan() for v in metric.compute().values())
    metric.reset()
    metric.update(picture_step(image, made, [True] * 4 + [False] * 2))
    assert {k: v.item() for k, v in metric.compute().items()} == pytest.approx(_measured(image[:4], made[:4]))


def test_a_number_of_pictures_below_zero_is_an_error():
    with pytest.raises(ConfigError, match="kernel_pictures=-1"):
        FrechetMetric(Blocks, kernel_pictures=-1)


# the frozen network


def test_the_network_is_made_once_at_the_first_update_and_stays_out_of_checkpoints():
    Blocks.made = 0
    metric = FrechetMetric(Blocks)
    owner = nn.ModuleDict({"frechet": metric})
    assert Blocks.made == 0
    image, made = _pair(4)
    with torch.inference_mode():
        for _ in range(2):
            metric.update(picture_step(image, made))
    assert Blocks.made == 1
    assert not owner.state_dict()
    assert not list(owner.parameters())
    assert not next(metric.features.parameters()).is_inference()


@pytest.mark.parametrize("remade", [copy.deepcopy, lambda metric: pickle.loads(pickle.dumps(metric))])
@pytest.mark.parametrize("updates", [0, 1])
def test_copies_go_on(remade, updates: int):
    image, made = _pair(8)
    metric = FrechetMetric(Blocks)
    for _ in range(updates):
        with torch.inference_mode():
            metric.update(picture_step(image[:4], made[:4]))
    other = remade(metric)
    for each in (metric, other):
        each.update(picture_step(image[4:], made[4:], index=torch.arange(4, 8)))
    assert {k: v.item() for k, v in other.compute().items()} == {k: v.item() for k, v in metric.compute().items()}


# ranks


def _steps() -> list[StepOutput]:  # three for each of two ranks
    image = random_pictures(0, 24, 16)
    made, ids = noisy(image, 1, 80.0), torch.arange(24 * 4).view(24, 2, 2).square() % 32
    valid = torch.arange(24) % 5 != 0
    cuts = torch.arange(24).split(4)
    return [picture_step(image[c], made[c], valid[c].tolist(), c, ids[c], 32) for c in cuts]


def _values(steps: list[StepOutput], gather=None) -> dict[str, float]:
    found: dict[str, float] = {}
    for metric in (PSNRMetric(), SSIMMetric(), CodebookMetric(), FrechetMetric(Blocks, kernel_pictures=10)):
        if gather:
            metric.dist_sync_fn, metric.distributed_available_fn = gather, lambda: True
        for step in steps:
            metric.update(step)
        found |= {key: value.item() for key, value in metric.compute().items()}
    return found


class _Ranks:
    """Threads that gather each other's tensors as ranks do."""

    def __init__(self, size: int) -> None:
        self.barrier, self.slots = Barrier(size, timeout=60), [torch.zeros(())] * size

    def gather(self, rank: int, x: Tensor, group: object) -> list[Tensor]:
        self.slots[rank] = x
        self.barrier.wait()
        found = list(self.slots)
        self.barrier.wait()
        return found


def test_two_ranks_measure_what_one_process_measures():
    ranks, expected = _Ranks(2), _values(_steps())
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda rank: _values(_steps()[rank::2], partial(ranks.gather, rank)), range(2))
        assert list(found) == [pytest.approx(expected, rel=1e-5)] * 2
