"""Metrics of generated faces: distribution, neighbours, attribute graph, VQAScore."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from scored_models import EVALUATOR, write_faces
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.evaluation.eval_set import EvalSet, gather, open_split
from unif2ace.evaluation.metrics.attribute_graph import AttributeGraphMetric
from unif2ace.evaluation.metrics.base import OutputMetric, Setting
from unif2ace.evaluation.metrics.distribution import DistributionMetric
from unif2ace.evaluation.metrics.neighbours import NeighboursMetric
from unif2ace.evaluation.metrics.vqa_score import VQAScoreMetric
from unif2ace.evaluation.outputs import Outputs
from unif2ace.evaluation.real import RealPictures

SETTING = Setting(resamples=40, batch_size=7, evaluator=EVALUATOR)


class Pixels:
    """An extractor: mean and spread of each colour."""

    name = "pixels"

    def to(self, device: str) -> Pixels:
        return self

    def pooled(self, image: Tensor) -> Tensor:
        x = image.float().flatten(2)
        return torch.cat([x.mean(2), x.std(2)], 1)


class YesSayer:
    """Says yes to true faces of even prompts."""

    name = "yes-sayer"

    def log_likelihood(self, images: Tensor, questions: list[str], answers: list[str]) -> tuple[Tensor, Tensor]:
        assert answers == ["Yes"] * len(images)
        return torch.tensor([0.25 if len(q) % 2 else 0.64 for q in questions]).log(), torch.full((len(images),), 2)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> EvalSet:
    folder = write_faces(tmp_path_factory.mktemp("faces"), 30)
    return gather(open_split(folder), 30, 20)


def write(folder: Path, eval_set: EvalSet, images: Tensor) -> Outputs:
    """Pictures named by key."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, image in zip(eval_set.keys, images, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{key}.png")
    return Outputs(folder)


def scored(metric: OutputMetric, eval_set: EvalSet, outputs: Outputs, setting: Setting = SETTING) -> OutputMetric:
    """The metric after an update."""
    metric.prepare(replace(setting, real=setting.real or RealPictures(None, eval_set)))
    metric.update(eval_set, outputs)
    assert metric.compute().keys() >= metric.describe().keys()
    return metric


def test_distances_of_the_true_faces_are_zero_and_of_noise_are_not(faces: EvalSet, tmp_path: Path):
    same = scored(DistributionMetric(Pixels), faces, write(tmp_path / "same", faces, faces.images)).compute()
    assert same["distribution_frechet"].value == pytest.approx(0, abs=1e-8)
    assert same["distribution_precision"].value == same["distribution_recall"].value == 1
    other = scored(DistributionMetric(Pixels), faces, write(tmp_path / "other", faces, faces.images // 3)).compute()
    assert other["distribution_frechet"].value > 100
    assert other["distribution_kernel"].value > 0
    assert other["distribution_precision"].value == 0


def test_a_folder_is_the_reference_and_sizes_may_differ(faces: EvalSet, tmp_path: Path):
    real = tmp_path / "real"
    for number in range(8):
        (real / "below").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8 + number, 9), (number, 0, 0)).save(real / "below" / f"{number}.png")
    setting = replace(SETTING, real=RealPictures(real, faces))
    found = scored(DistributionMetric(Pixels), faces, write(tmp_path / "made", faces, faces.images), setting)
    assert found.conditions() == {"extractor": "pixels", "real": "real", "pictures": [30, 8], "neighbours": 3}


def test_a_part_of_the_faces_is_compared_with_its_own_true_faces(faces: EvalSet, tmp_path: Path):
    outputs = write(tmp_path, faces, faces.images)
    part = scored(DistributionMetric(Pixels), faces.subset(range(9)), outputs)
    assert part.conditions()["pictures"] == [9, 9]
    assert part.compute()["distribution_frechet"].value == pytest.approx(0, abs=1e-8)


def test_copies_of_training_pictures_are_found(faces: EvalSet, tmp_path: Path):
    train = tmp_path / "train"
    write(train, faces, faces.images)
    found = scored(NeighboursMetric(str(train), Pixels), faces, write(tmp_path / "copies", faces, faces.images))
    assert found.compute()["neighbours_copied"].value == 1
    assert found.compute()["neighbours_distance"].value == 0
    assert found.figure(tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").width > 300
    changed = scored(NeighboursMetric(str(train), Pixels), faces, write(tmp_path / "new", faces, faces.images // 3))
    assert changed.compute()["neighbours_copied"].value == 0
    assert set(changed.samples()["neighbours_copied"]) == set(faces.keys)


def test_the_attribute_graph_is_perfect_for_true_faces_up_to_the_evaluators_errors(faces: EvalSet, tmp_path: Path):
    true = scored(AttributeGraphMetric(), faces, write(tmp_path / "true", faces, faces.images))
    blank = scored(AttributeGraphMetric(), faces, write(tmp_path / "blank", faces, faces.images * 0))
    values, none = true.compute(), blank.compute()
    assert none["attribute_graph"].value < 0.7 < values["attribute_graph"].value
    assert values["attribute_graph"].value <= values["attribute_graph_flat"].value
    assert true.table()["attribute graph, the worst"].row_count == 10


def test_vqa_score_is_the_geometric_mean_of_token_probabilities(faces: EvalSet, tmp_path: Path):
    outputs = write(tmp_path, faces, faces.images)
    found = scored(VQAScoreMetric(YesSayer, "{}?"), faces, outputs)
    expected = [0.5 if len(prompt + "?") % 2 else 0.8 for prompt in faces.prompts]
    assert list(found.samples()["vqa_score"].values()) == pytest.approx(expected)
    assert found.compute()["vqa_score"].value == found.compute()["vqa_score_true"].value
    part = scored(VQAScoreMetric(YesSayer, "{}?"), faces.subset([3, 5]), outputs)
    assert list(part.samples()["vqa_score"].values()) == pytest.approx([expected[3], expected[5]])


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (DistributionMetric, r"metric.distribution.extractor is not set: select one, such as extractor="),
        (lambda: DistributionMetric(Pixels, neighbours=0), r"neighbours=0"),
        (NeighboursMetric, r"set metric.neighbours.train=FOLDER"),
        (lambda: NeighboursMetric("nowhere", Pixels), r"metric.neighbours.train=nowhere: there is no such folder"),
        (VQAScoreMetric, r"select answer_likelihood=unified"),
        (lambda: VQAScoreMetric(YesSayer, "is it?"), r"question='is it\?'"),
    ],
)
def test_what_is_missing_is_said_before_any_work(metric: Any, message: str):
    with pytest.raises(ConfigError, match=message):
        metric().prepare(SETTING)
