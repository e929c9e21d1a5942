"""How often experts are chosen: numbers, picture, TensorBoard."""

from __future__ import annotations

import json
import math
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader

from unif2ace.callbacks.expert_usage import ExpertUsage, draw, evenness
from unif2ace.loggers.tensorboard import TensorBoardLogger
from unif2ace.types import Batch, RouterStats, StepOutput, TokenSequence, UnifiedStep

NOTHING = torch.zeros(1, 1, dtype=torch.int64)


class _Routed(pl.LightningModule):
    """Two layers of token experts and one of the sequence level; the second batch chooses otherwise."""

    def __init__(self, dense: bool = False) -> None:
        super().__init__()
        self.dense = dense

    def validation_step(self, batch: Batch, batch_idx: int) -> dict:
        even, one = torch.full((4,), 5.0), torch.tensor([20.0, 0, 0, 0])
        none = torch.zeros(4)

        def stats(level: str, gen: torch.Tensor, und: torch.Tensor, count: list[float]) -> RouterStats:
            return RouterStats(level, torch.stack([gen, und]), torch.zeros(2, 4), torch.tensor(count), torch.zeros(2))

        routers = (
            stats("token", even, one, [10, 20]),
            stats("token", one, one.roll(batch_idx), [20, 20]),
            stats("sequence", even, none, [10, 0]),
        )
        sequence = TokenSequence(NOTHING, NOTHING, batch.task, NOTHING, None)
        return {"step": StepOutput(batch, unified=UnifiedStep(sequence, None, {}, () if self.dense else routers))}


def _validate(tmp_path: Path, module: _Routed) -> tuple[dict[str, float], EventAccumulator]:
    logger = TensorBoardLogger(str(tmp_path))
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=logger,
        callbacks=[ExpertUsage(tmp_path / "experts")],
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    row = Batch(torch.ones(1, dtype=torch.int8), torch.arange(1), torch.ones(1, dtype=torch.bool))
    trainer.validate(module, DataLoader([row, row], batch_size=None), verbose=False)
    logger.experiment.flush()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    return {k: float(v) for k, v in trainer.callback_metrics.items()}, events


def test_evenness_of_each_level_and_group_over_the_whole_split(tmp_path: Path):
    values, events = _validate(tmp_path, _Routed())
    assert values == pytest.approx(
        {
            "val/evenness/token/gen": 0.5,  # layers of 1 and 0
            "val/evenness/token/und": 0.25,  # of 0 and, two experts alike, log 2 / log 4
            "val/evenness/sequence/gen": 1,
            "val/busiest/token/gen": 4,  # of the worst layer
            "val/busiest/token/und": 4,
            "val/busiest/sequence/gen": 1,
            "val/dead/token/gen": 3,
            "val/dead/token/und": 3 + 2,
            "val/dead/sequence/gen": 0,
        }
    )
    scalars = {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"] if tag.startswith("experts/")}
    assert scalars == {
        f"experts/{name}/{place}/{layer:02}": pytest.approx(value)
        for name, found in {
            "evenness": {"token/gen": [1, 0], "token/und": [0, 0.5], "sequence/gen": [1]},
            "busiest": {"token/gen": [1, 4], "token/und": [4, 2], "sequence/gen": [1]},
            "dead": {"token/gen": [0, 3], "token/und": [3, 2], "sequence/gen": [0]},
        }.items()
        for place, values in found.items()
        for layer, value in enumerate(values)
    }
    assert Image.open(tmp_path / "experts" / "step-0000000.png").size[0] == 700
    assert events.Tags()["images"] == ["val/experts"]
    panels = json.loads((tmp_path / "experts" / "step-0000000.json").read_text())["panels"]
    assert [(p["level"], p["group"], p["experts"]) for p in panels] == [
        ("token", "gen", ["1", "2", "3", "4"]),
        ("token", "und", ["1", "2", "3", "4"]),
        ("sequence", "gen", ["1", "2", "3", "4"]),
    ]
    assert panels[0]["frequency"] == [[0.5] * 4, [1, 0, 0, 0]]


def test_a_dense_network_has_no_map(tmp_path: Path):
    values, events = _validate(tmp_path, _Routed(dense=True))
    assert values == {}
    assert not (tmp_path / "experts").exists()
    assert events.Tags()["images"] == []


def test_evenness():
    frequency = torch.tensor([[0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0], [0.9, 0.9, 0, 0]])
    torch.testing.assert_close(evenness(frequency), torch.tensor([1, 0, math.log(2) / math.log(4)]))
    assert evenness(torch.ones(2, 1)).tolist() == [1, 1]


def test_the_map_shows_the_frequencies():
    first, second = np.array([[0.1, 0.9], [0.5, 0.5]], np.float32), np.array([[1, 0, 0.25]], np.float32)
    figure = draw({"token, generation": first, "sequence, understanding": second})
    panels = {axis.get_title(): axis.images[0].get_array() for axis in figure.axes if axis.images and axis.get_title()}
    np.testing.assert_array_equal(panels["token, generation"], first)
    np.testing.assert_array_equal(panels["sequence, understanding"], second)
