"""Loggers: media and hyperparameters reach each of them, and a resumed run continues its record."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from unif2ace.engine import compose
from unif2ace.engine.hyperparameters import hyperparameters
from unif2ace.engine.instantiate import instantiate_slots
from unif2ace.errors import ConfigError
from unif2ace.loggers import media
from unif2ace.loggers.media import kept_run_id, log_values, markdown_table, media_loggers, pixels_of
from unif2ace.loggers.tensorboard import TensorBoardLogger

CHOICES = ["comet", "csv", "many_loggers", "mlflow", "none", "tensorboard", "trackio", "wandb"]
PACKAGES = {"comet": "comet_ml", "mlflow": "mlflow", "trackio": "trackio", "wandb": "wandb"}
OFFLINE = {"wandb": ["logger.wandb.offline=true"], "comet": ["logger.comet.online=false"]}


def _figure() -> Figure:
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([0, 1], [1, 0])
    return figure


def _log_all(logger: Any) -> None:
    logger.log_metrics({"val/loss": 0.25}, 3)
    logger.log_picture("val/faces", np.full((4, 6, 3), 200, np.uint8), 3)
    logger.log_figure("val/experts", _figure(), 3)
    logger.log_text("val/note", "**bold**", 3)
    logger.log_table("val/answers", ["question", "answer"], [["who?", "she"], ["a|b", None]], 3)


def test_tensorboard_keeps_every_kind(tmp_path: Path):
    logger = TensorBoardLogger(str(tmp_path))
    logger.log_hyperparams({"optimizer.lr": 0.5, "optimizer": "Muon"})
    _log_all(logger)
    logger.finalize("success")
    found = [EventAccumulator(str(file)).Reload() for file in tmp_path.glob("events*")]
    tags = [events.Tags() for events in found]
    assert {name for t in tags for name in t["images"]} == {"val/faces", "val/experts"}
    assert {name for t in tags for name in t["tensors"]} >= {"val/note/text_summary", "val/answers/text_summary"}
    picture = next(e.Images("val/faces")[0] for e, t in zip(found, tags, strict=True) if t["images"])
    assert (picture.width, picture.height, picture.step) == (6, 4, 3)
    plugins = [tag for events in found for tag in events.PluginTagToContent("hparams")]
    assert "_hparams_/experiment" in plugins, "the page HPARAMS is empty"
    assert "optimizer.lr: 0.5" in (tmp_path / "hparams.yaml").read_text()


def test_a_figure_becomes_a_picture_and_a_table_text():
    seen: list[tuple[Any, ...]] = []

    class Plain(media.MediaLogger):
        def log_picture(self, name: str, picture_HWC: Any, step: int) -> None:
            seen.append((name, picture_HWC.shape, step))

        def log_text(self, name: str, text: str, step: int) -> None:
            seen.append((name, text, step))

    Plain().log_figure("f", _figure(), 1)
    Plain().log_table("t", ["a"], [["x|y"], [None]], 2)
    assert seen == [("f", (50, 100, 3), 1), ("t", "| a |\n| --- |\n| x\\|y |\n|  |", 2)]
    assert pixels_of(_figure()).min() < 100
    assert markdown_table(["a", "b"], []) == "| a | b |\n| --- | --- |"


def test_scalars_of_single_layers_stay_out_of_the_csv_table(tmp_path: Path):
    board, table = TensorBoardLogger(str(tmp_path)), CSVLogger(tmp_path)
    trainer: Any = SimpleNamespace(loggers=[board, table], global_step=7)
    assert media_loggers(trainer) == [board]
    log_values(trainer, {"experts/dead/token/gen/00": 1.0})
    board.finalize("success")
    (events,) = tmp_path.glob("events*")
    assert EventAccumulator(str(events)).Reload().Scalars("experts/dead/token/gen/00")[0].step == 7
    assert not table.experiment.metrics


def test_every_logger_is_a_choice_that_composes():
    for choice in CHOICES:
        OmegaConf.resolve(compose("train", [f"logger={choice}"]))
    many = compose("train", ["logger=many_loggers"])
    assert list(many.logger) == ["tensorboard", "csv", "mlflow", "wandb"]


@pytest.mark.parametrize("choice", PACKAGES)
def test_a_missing_package_is_named_before_any_work(choice: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(media, "find_spec", lambda name: None)
    config = compose("train", [f"logger={choice}", f"run_dir={tmp_path}"])
    with pytest.raises(ConfigError, match=rf"{choice} needs the package \w+: pip install 'unif2ace\[{choice}\]'"):
        instantiate_slots(config.logger, "logger")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("choice", PACKAGES)
def test_a_service_takes_every_kind_and_a_resumed_run_continues(choice: str, tmp_path: Path):
    if find_spec(PACKAGES[choice]) is None:
        pytest.skip(f"needs {PACKAGES[choice]}: make test-extras")
    words = [f"logger={choice}", f"run_dir={tmp_path / 'run'}", f"paths.root={tmp_path}", *OFFLINE.get(choice, [])]
    for _ in range(2):
        (logger,) = instantiate_slots(compose("train", words).logger, "logger").values()
        logger.log_hyperparams({"optimizer.lr": 0.5})
        _log_all(logger)
        logger.finalize("success")
    ids = {file.read_text() for file in tmp_path.rglob(f"{choice}_run_id.txt")}
    assert len(ids) == 1


def test_the_id_of_a_run_is_kept(tmp_path: Path):
    first = kept_run_id(tmp_path / "run", "wandb")
    assert first is not None
    assert len(first) == 12
    assert kept_run_id(tmp_path / "run", "wandb") == first
    assert kept_run_id(tmp_path / "run", "comet", letters=40) != first
    assert kept_run_id(tmp_path / "other", "wandb") != first


def test_hyperparameters_are_those_that_the_run_reads():
    found = hyperparameters(compose("train", ["experiment=unified/synthetic", "optimizer.lr=0.03"]))
    assert found["optimizer"] == "Muon"
    assert found["optimizer.lr"] == 0.03
    assert found["moe.num_experts"] == 4
    assert found["moe.und_experts"] == "['visual', 'visual', 'copy', 'copy']"
    assert not any(key.startswith(("discriminator", "paths", "logger", "module.net", "run_dir")) for key in found)
    assert all(isinstance(value, str | int | float | bool) for value in found.values())
