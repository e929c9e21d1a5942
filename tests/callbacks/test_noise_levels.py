"""Losses by how much of a picture is masked: against the losses themselves, and as files and events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import observed_run
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from unif2ace.callbacks.noise_levels import NoiseLevels, curves_of, draw
from unif2ace.errors import ConfigError
from unif2ace.loggers.tensorboard import TensorBoardLogger
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.types import Task


class _Notes(pl.Callback):
    """Sums of both stages as they are before they are drawn, and the parts of D3Diff over all of their steps."""

    def __init__(self, levels: NoiseLevels) -> None:
        self.levels = levels
        self.sums: dict[str, torch.Tensor] = {}
        self.steps: dict[str, list[Any]] = {"train": [], "val": []}
        observe = levels.observe

        def noting(trainer: pl.Trainer, step: Any) -> None:
            self.steps["train"].append(_detached(step))
            observe(trainer, step)

        levels.observe = noting

    def on_validation_batch_end(self, trainer: Any, module: Any, outputs: Any, *args: Any) -> None:
        self.steps["val"].append(_detached(outputs["step"]))
        self.sums = {stage: sums.clone() for stage, sums in self.levels._sums.items()}


def _detached(step: Any) -> Any:
    loss = D3DiffLoss(score_weight=1.0, alpha_scale="none")
    with torch.no_grad():
        term = loss.compute(step)
    return term.total, term.count, term.also[0].total, term.also[0].count


def test_over_all_levels_they_are_the_loss(tmp_path: Path):
    levels = NoiseLevels(tmp_path, levels=7, every_n_steps=1)
    notes = _Notes(levels)
    observed_run.fit([levels, notes])
    for stage in ("train", "val"):
        expected = torch.stack([torch.stack([v.double() for v in one]) for one in notes.steps[stage]]).sum(0)
        sums = notes.sums[stage].double().sum(1)
        assert len(notes.steps[stage]) == 3
        torch.testing.assert_close(sums[[0, 1, 2, 3]], expected, rtol=1e-5, atol=1e-5)
    assert int((notes.sums["val"][3] > 0).sum()) > 1


def test_each_row_counts_at_its_own_level(tmp_path: Path):
    levels = NoiseLevels(tmp_path, levels=10, every_n_steps=1)
    seen: list[Any] = []
    observe = levels.observe
    levels.observe = lambda trainer, step: (seen.append(step), observe(trainer, step))
    observed_run.fit([levels], max_steps=1)  # ends before a validation
    corrupted, batch = seen[0].unified.corrupted, seen[0].batch
    valid = batch.valid[batch.task == Task.TEXT_TO_IMAGE]
    place = [min(9, int(10 * (1 - alpha))) for alpha in corrupted.alpha[valid].tolist()]
    masked = (corrupted.xt[valid] != corrupted.x0[valid]).sum(1).tolist()
    sums = levels._sums["train"]
    assert sums[3].tolist() == [place.count(n) for n in range(10)]
    assert sums[1].tolist() == [sum(m for m, p in zip(masked, place, strict=True) if p == n) for n in range(10)]


def test_only_some_training_steps_are_read_and_counting_begins_anew(tmp_path: Path):
    levels = NoiseLevels(tmp_path, every_n_steps=2)
    notes = _Notes(levels)
    observed_run.fit([levels, notes])
    rows = int(notes.sums["train"][3].sum())
    valid = [observed_run.tiny.batch(step) for step in (0, 2)]
    assert rows == sum(int(b.valid[b.task == Task.TEXT_TO_IMAGE].sum()) for b in valid)
    assert levels._sums == {}


def test_files_and_events(tmp_path: Path):
    logger = TensorBoardLogger(str(tmp_path))
    observed_run.fit([NoiseLevels(tmp_path / "noise", levels=4, every_n_steps=1)], logger=logger)
    assert Image.open(tmp_path / "noise" / "step-0000003.png").size == (1000, 600)
    found = json.loads((tmp_path / "noise" / "step-0000003.json").read_text())
    assert found["levels"] == [0.125, 0.375, 0.625, 0.875]
    assert found["curves"].keys() == {"train", "val"}
    assert len(found["curves"]["val"]["mask"]) == 4
    assert found["curves"]["val"]["mask"][-1] > 0
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == ["val/noise_levels"]
    tags = {t for t in events.Tags()["scalars"] if t.startswith("noise_")}
    assert "noise_val/mask/0.875" in tags
    assert "noise_train/ratio/0.875" in tags
    assert {tag.split("/")[0] for tag in tags} == {"noise_train", "noise_val"}


def test_it_needs_neither_a_logger_nor_rows_that_generate(tmp_path: Path):
    observed_run.fit([NoiseLevels(tmp_path / "none", every_n_steps=1)], fast_dev_run=True)
    assert not (tmp_path / "none").exists()

    class _OnlyAnswers(observed_run.Data):
        def __init__(self) -> None:
            super().__init__(generate=0)

    run = observed_run.trainer([NoiseLevels(tmp_path / "none", every_n_steps=1)])
    run.fit(observed_run.module(), datamodule=_OnlyAnswers())
    assert not (tmp_path / "none").exists()


def test_curves():
    curves = curves_of(np.array([[2.0, 0, 6], [4, 0, 2], [8, 0, 3], [2, 0, 1]]))
    np.testing.assert_array_equal(curves["mask"], [0.5, np.nan, 3])
    np.testing.assert_array_equal(curves["score"], [4, np.nan, 3])
    np.testing.assert_array_equal(curves["ratio"], [8, np.nan, 1])
    axes = {axis.get_title(): axis for axis in draw({"val": curves}).axes}
    np.testing.assert_array_equal(axes["ratio"].lines[0].get_ydata(), [8, np.nan, 1])
    np.testing.assert_allclose(axes["mask"].lines[0].get_xdata(), [1 / 6, 1 / 2, 5 / 6])


def test_numbers_out_of_range():
    with pytest.raises(ConfigError, match="levels=0"):
        NoiseLevels("x", levels=0)
