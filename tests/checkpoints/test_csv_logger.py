"""The table of logged values goes on where a resumed run goes on."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

from unif2ace.loggers.csv import CSVLogger


def _log(folder: Path, steps: range, **more: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger = CSVLogger(folder, name="", version="")
        for step in steps:
            logger.log_metrics({"loss": float(step), **more}, step)
        logger.finalize("success")


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_goes_on_with_the_table_and_does_not_repeat_steps(tmp_path: Path):
    _log(tmp_path, range(0, 8))
    _log(tmp_path, range(5, 12), other=1.5)
    rows = _rows(tmp_path)
    assert [int(r["step"]) for r in rows] == list(range(12))
    assert [float(r["loss"]) for r in rows] == list(map(float, range(12)))
    assert [r["other"] for r in rows] == [""] * 5 + ["1.5"] * 7
    assert not list(tmp_path.glob("*.before"))


def test_a_resume_that_begins_with_a_validation_keeps_the_training_row_of_its_step(tmp_path: Path):
    _log(tmp_path, range(0, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger = CSVLogger(tmp_path, name="", version="")
        logger.log_metrics({"val/loss": 9.0, "epoch": 1}, 3)
        logger.log_metrics({"loss": 40.0, "epoch": 1}, 4)
        logger.finalize("success")
    rows = [(r["step"], r["loss"], r["val/loss"]) for r in _rows(tmp_path)]
    assert rows == [*((str(n), f"{n}.0", "") for n in range(4)), ("3", "", "9.0"), ("4", "40.0", "")]


def test_a_run_from_the_beginning_has_its_own_rows_alone(tmp_path: Path):
    _log(tmp_path, range(0, 8))
    _log(tmp_path, range(0, 3))
    assert len(_rows(tmp_path)) == 3


def test_a_row_that_a_killed_process_left_cut_off_is_dropped(tmp_path: Path):
    _log(tmp_path, range(0, 4))
    table = tmp_path / "metrics.csv"
    table.write_text(table.read_text()[:-4])
    _log(tmp_path, range(6, 8))
    assert [int(r["step"]) for r in _rows(tmp_path)] == [0, 1, 2, 6, 7]


def test_a_table_that_is_never_added_to_stays(tmp_path: Path):
    _log(tmp_path, range(0, 4))
    _log(tmp_path, range(0))
    _ = CSVLogger(tmp_path, name="", version="").experiment
    assert len(_rows(tmp_path)) == 4
