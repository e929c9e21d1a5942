"""PSNR against its formula, another implementation, and its rules for rows."""

from __future__ import annotations

import math

import pytest
import torch
from picture_steps import noisy, picture_step, random_pictures
from torchmetrics.functional.image import peak_signal_noise_ratio

from unif2ace.metrics.psnr import PSNRMetric


def _of(*steps) -> float:
    metric = PSNRMetric()
    for step in steps:
        metric.update(step)
    return metric.compute()["psnr"].item()


def test_one_level_off_everywhere_is_48_decibels():
    image = torch.full((2, 3, 8, 8), 100, dtype=torch.uint8)
    assert _of(picture_step(image, image + 1)) == pytest.approx(20 * math.log10(255), rel=1e-6)


def test_it_is_the_mean_over_pictures_not_of_all_pixels():
    image = random_pictures(0, 6)
    made = torch.cat([noisy(image[:3], 1, 5.0), noisy(image[3:], 2, 60.0)])
    each = [peak_signal_noise_ratio(made[i].float(), image[i].float(), data_range=255.0).item() for i in range(6)]
    pooled = peak_signal_noise_ratio(made.float(), image.float(), data_range=255.0).item()
    measured = _of(picture_step(image[:4], made[:4]), picture_step(image[4:], made[4:]))
    assert measured == pytest.approx(sum(each) / 6, rel=1e-5)
    assert abs(measured - pooled) > 1


def test_reconstructions_are_rounded_and_clamped_as_stored():
    image = torch.full((1, 3, 4, 4), 250, dtype=torch.uint8)
    exact = 10 * math.log10(255**2 * 3 * 4 * 4)
    assert _of(picture_step(image, image + 0.4)) == pytest.approx(exact, rel=1e-6)
    assert _of(picture_step(image, image.float() + 900)) == pytest.approx(10 * math.log10(255**2 / 25), rel=1e-6)


def test_an_exact_picture_counts_as_one_value_off_by_one():
    image = random_pictures(0, 1, 4)
    made = image.clone()
    made[0, 0, 0, 0] += 1 if made[0, 0, 0, 0] < 255 else -1
    assert _of(picture_step(image, image)) == _of(picture_step(image, made)) < math.inf


def test_invalid_rows_are_left_out_and_none_gives_nan():
    image = random_pictures(0, 3)
    made = noisy(image, 1)
    only = _of(picture_step(image[:1], made[:1]))
    assert _of(picture_step(image, made, [True, False, False])) == only
    assert math.isnan(_of(picture_step(image, made, [False] * 3)))


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_autocast_changes_nothing_and_reset_forgets():
    step = picture_step(random_pictures(0, 2), random_pictures(1, 2))
    metric = PSNRMetric()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        metric.update(step)
    assert metric.compute()["psnr"].item() == _of(step)
    metric.reset()
    assert math.isnan(metric.compute()["psnr"].item())
