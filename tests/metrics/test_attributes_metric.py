"""Attribute scores against torchmetrics, calibration against closed forms."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console
from torchmetrics.classification import MultilabelAveragePrecision, MultilabelF1Score

from unif2ace.errors import ConfigError
from unif2ace.metrics.attributes import AttributesMetric
from unif2ace.metrics.calibration import calibration_error, fit_platt, reliability
from unif2ace.types import Batch, StepOutput

LABELS = ["smile", "hat", "beard", "never"]


def _steps(rows: int = 240, batch: int = 60) -> list[StepOutput]:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, 4, generator=draw)
    labels = (logits + torch.randn(rows, 4, generator=draw) > 0.4).to(torch.int8)
    labels[torch.rand(rows, 4, generator=draw) < 0.2] = -1
    labels[:, 3] = labels[:, 3].clamp(max=0)
    valid = torch.arange(rows) % 7 != 0
    task = torch.zeros(rows, dtype=torch.int8)
    return [
        StepOutput(Batch(task[s], torch.arange(rows)[s], valid[s], attributes=labels[s]), attribute_logits=logits[s])
        for s in (slice(i, i + batch) for i in range(0, rows, batch))
    ]


def _measured(steps: list[StepOutput], **kwargs) -> AttributesMetric:
    metric = AttributesMetric(LABELS, **kwargs)
    for step in steps:
        metric.update(step)
    return metric


def test_means_are_those_of_torchmetrics_without_what_cannot_be_measured():
    steps = _steps()
    values = _measured(steps).compute()
    valid = torch.cat([s.batch.valid for s in steps])
    p = torch.cat([s.attribute_logits for s in steps]).sigmoid()[valid]
    y = torch.cat([s.batch.attributes for s in steps]).long()[valid]
    f1 = MultilabelF1Score(4, average=None, ignore_index=-1)(p, y)[:3].mean()
    ap = MultilabelAveragePrecision(4, average=None, ignore_index=-1)(p, y)[:3].mean()
    assert values["f1"].item() == pytest.approx(f1.item(), abs=1e-6)
    assert values["average_precision"].item() == pytest.approx(ap.item(), abs=1e-6)
    assert "never" in _measured(steps).describe()["average_precision"]


def test_the_first_share_of_the_split_is_left_out_whatever_the_order_of_batches():
    steps = _steps()
    rest = _measured(steps[2:]).scores()
    skipped = _measured([steps[3], steps[0], steps[2], steps[1]], skip=0.5)
    whole = torch.cat([s.batch.valid for s in steps]).nonzero()[:, 0]
    assert whole[len(whole) // 2] == 120  # the valid rows happen to halve where the batches do
    assert skipped.scores() == rest


def test_the_table_names_every_attribute_and_family_and_the_plot_is_a_picture(tmp_path: Path):
    metric = _measured(_steps(), families=["emotion", "appearance", "appearance", "action"])
    console = Console(width=100, record=True, file=(tmp_path / "out").open("w"))
    console.print(metric.table())
    text = console.export_text()
    assert all(word in text for word in ("smile", "hat", "beard", "mean of 2", "appearance"))
    metric.plot(tmp_path / "plot.png")
    assert min(Image.open(tmp_path / "plot.png").size) > 300


def test_groups_are_scored_by_themselves():
    steps = _steps()
    metric = _measured(steps, subgroups=["hat"])
    whole, groups = metric.scores(), dict(metric.groups())
    assert set(groups) == {"hat", "no_hat"}
    assert "hat" not in groups["hat"]  # all of them show it: nothing to measure
    for name in groups["hat"].keys() & groups["no_hat"].keys():
        known = groups["hat"][name].known + groups["no_hat"][name].known
        assert known <= whole[name].known
    values = metric.compute()
    expected = sum(s.f1 for s in groups["hat"].values()) / len(groups["hat"])
    assert values["f1/hat"].item() == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ConfigError, match=r"hatt.*hat"):
        _measured(steps, subgroups=["hatt"])


def test_wrong_arguments_are_named():
    with pytest.raises(ConfigError, match="skip=1"):
        AttributesMetric(LABELS, skip=1)
    with pytest.raises(ConfigError, match="1 entries: give one for each of 4"):
        AttributesMetric(LABELS, families=["x"])


def test_the_calibration_error_is_its_definition():
    p, y = torch.tensor([0.05, 0.05, 0.95, 0.95, 0.55]), torch.tensor([0, 1, 1, 1, 0])
    said, was, count = reliability(p, y, bins=10)
    assert count.tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert was[0] == 0.5
    assert said[5].item() == pytest.approx(0.55)
    expected = (2 * abs(0.05 - 0.5) + 2 * abs(0.95 - 1) + abs(0.55 - 0)) / 5
    assert calibration_error(p, y, bins=10).item() == pytest.approx(expected)


def test_platt_finds_the_scale_and_shift_that_the_answers_were_drawn_with():
    draw = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20000, generator=draw)
    y = (torch.rand(20000, generator=draw) < (0.4 * logits - 1).sigmoid()).int()
    scale, shift = fit_platt(logits, y)
    assert scale == pytest.approx(0.4, abs=0.03)
    assert shift == pytest.approx(-1, abs=0.06)
    before, after = (calibration_error(x.sigmoid(), y) for x in (logits, scale * logits + shift))
    assert after < 0.02 < before


def test_platt_without_answers_or_with_one_kind_changes_little():
    assert fit_platt(torch.zeros(0), torch.zeros(0)) == (1.0, 0.0)
    scale, shift = fit_platt(torch.full((3,), -2.0), torch.zeros(3))
    assert 0.5 < scale < 2
    assert -1 < shift < 0


def test_a_classifier_of_more_attributes_is_measured_on_the_first_and_one_of_fewer_refused():
    steps = _steps()
    fewer = AttributesMetric(LABELS[:2])
    for step in steps:
        fewer.update(step)
    assert fewer.scores() == {name: score for name, score in _measured(steps).scores().items() if name in LABELS[:2]}
    with pytest.raises(ConfigError, match="5 names, but the classifier recognises 4"):
        AttributesMetric([*LABELS, "freckles"]).update(steps[0])
