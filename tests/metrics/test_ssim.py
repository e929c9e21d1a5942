"""SSIM against a plain computation from its paper's formula, and its rules for rows."""

from __future__ import annotations

import math

import pytest
import torch
from picture_steps import noisy, picture_step, random_pictures
from torch import Tensor
from torch.nn.functional import pad

from unif2ace.metrics.ssim import SSIMMetric


def _of(*steps) -> float:
    metric = SSIMMetric()
    for step in steps:
        metric.update(step)
    return metric.compute()["ssim"].item()


def _plain(x: Tensor, y: Tensor) -> float:
    """Of one channel, over windows of 11 x 11 around every pixel, edges reflected."""
    x, y = (pad(v[None].double(), (5, 5, 5, 5), mode="reflect")[0] for v in (x, y))
    along = torch.exp(-((torch.arange(11) - 5.0) ** 2) / (2 * 1.5**2)).double()
    window = torch.outer(along, along) / along.sum() ** 2
    values = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
            cov = (window * (a - ma) * (b - mb)).sum()
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            values.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return torch.stack(values).mean().item()


def test_it_is_the_papers_formula():
    image = random_pictures(0, 2, 14)
    made = noisy(image, 1, 60.0)
    expected = sum(_plain(image[i, c], made[i, c]) for i in range(2) for c in range(3)) / 6
    assert 0.5 < expected < 0.95
    assert _of(picture_step(image[:1], made[:1]), picture_step(image[1:], made[1:])) == pytest.approx(
        expected, abs=1e-4
    )


def test_equal_pictures_give_one_and_negatives_less_than_zero():
    image = random_pictures(0, 2, 16)
    assert _of(picture_step(image, image)) == pytest.approx(1, abs=1e-6)
    assert _of(picture_step(image, 255 - image)) < 0


def test_autocast_changes_nothing():
    image = (random_pictures(0, 2, 16) // 64 + 100).to(torch.uint8)  # small differences, lost in half precision
    step = picture_step(image, noisy(image, 1, 1.0))
    metric = SSIMMetric()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        metric.update(step)
    assert metric.compute()["ssim"].item() == pytest.approx(_of(step), abs=1e-6)


def test_invalid_rows_are_left_out_and_none_gives_nan():
    image = random_pictures(0, 3, 12)
    made = noisy(image, 1)
    only = _of(picture_step(image[:1], made[:1]))
    assert _of(picture_step(image, made, [True, False, False])) == pytest.approx(only, abs=1e-6)
    assert math.isnan(_of(picture_step(image, made, [False] * 3)))
