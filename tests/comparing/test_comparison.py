"""Runs side by side: what differs, values, seeds, paired differences; unlike results are refused by name."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from unif2ace.commands.compare import SYNTAX, compare_runs
from unif2ace.comparing.comparison import compare, mean_error, seed_table
from unif2ace.comparing.run import read_runs
from unif2ace.comparing.table import TextTable
from unif2ace.comparing.unlike import refuse_unlike
from unif2ace.engine import compose
from unif2ace.engine.sweep_table import SweepRow, write_table
from unif2ace.errors import ConfigError, DataError

EVALUATION: dict[str, Any] = {
    "values": {"answers": 0.5, "agreement": None},
    "intervals": {"answers": [0.4, 0.6]},
    "split": "val",
    "eval_set": {"keys": "k" * 64, "prompts": "p", "seed": 0},
    "conditions": {"answers": {"floor_of_other_faces": True}},
    "options": {"resamples": 100, "seed": 0},
    "weights": {"kind": "unified"},
}


def _run(folder: Path, lr: float = 0.1, seed: int = 0, answers: float | None = None, **changes: Any) -> Path:
    """A run with a configuration, logged values, and an evaluation if it has a score."""
    folder.mkdir(parents=True)
    config = {"seed": seed, "run_dir": str(folder), "optimizer": {"lr": lr}, "paths": {"logs": str(folder.parent)}}
    config["trainer"] = {"default_root_dir": str(folder)}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    rows = "step,val/loss,val/f1\n1,3.0,0.2\n2,1.0,0.9\n3,2.0,0.5\n"
    (folder / "metrics.csv").write_text(rows)
    if answers is not None:
        tree = {**EVALUATION, "values": {"answers": answers}, **changes}
        (folder / "evaluation").mkdir()
        (folder / "evaluation" / "evaluation.json").write_text(json.dumps(tree))
        shared = np.random.default_rng(0).normal(0, 0.1, 1000)  # the same resamples move both systems
        own = np.random.default_rng(int(lr * 10)).normal(0, 0.001, 1000)
        (folder / "evaluation" / "replicates.json").write_text(
            json.dumps({"answers": (answers + shared + own).tolist()})
        )
    return folder


def test_differing_keys_last_and_best_values_and_scores_are_shown(tmp_path: Path):
    found = compare(read_runs([_run(tmp_path / "a", 0.1, answers=0.5), _run(tmp_path / "b", 0.2, answers=0.52)]))
    assert found.differing == ["optimizer.lr"]  # places are left out
    values, scores, differences = found.tables()
    assert values.head == ["run", "optimizer.lr", "val/loss", "best val/loss", "at step"]
    assert values.rows[0] == ["a", "0.1", "2", "1", "2"]
    assert scores.rows == [["answers", "0.5 (0.400 to 0.600)", "0.52 (0.400 to 0.600)"]]
    name, text = differences.rows[0]
    assert name == "answers"
    value, low, high = (float(part) for part in re.findall(r"[+-][\d.]+", text))
    assert value == 0.02
    assert 0.015 < low < 0.02 < high < 0.025  # paired: each interval is 0.4 wide, the difference is known to 0.003
    assert text.endswith("*")
    greatest = compare(read_runs([tmp_path / "a", tmp_path / "b"]), ["val/f1"]).values()
    assert greatest.rows[0][-2:] == ["0.9", "2"]


def test_seeds_of_one_setting_have_mean_and_standard_error(tmp_path: Path):
    runs = [_run(tmp_path / f"{lr}-{seed}", lr, seed, lr + seed) for lr in (0.1, 0.2) for seed in (0, 1, 2)]
    seeds = compare(read_runs(runs), ["answers"]).seeds()
    assert seeds.head == ["optimizer.lr", "seeds", "answers"]
    assert seeds.rows == [["0.1", "3", "1.1 +- 0.58"], ["0.2", "3", "1.2 +- 0.58"]]
    assert mean_error([1.0, 2.0, 3.0]) == "2 +- 0.58"
    assert mean_error([1.0]) == "1"
    text = seed_table([{"lr": "1", "seed": "0"}, {"lr": "1", "seed": "1"}], [{"val/loss": 1.0}, {"val/loss": 3.0}])
    assert "2 +- 1" in text
    assert not seed_table([{"lr": "1"}, {"lr": "2"}], [{"val/loss": 1.0}] * 2)
    assert not seed_table([], [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"split": "train"}, "split is val and train"),
        ({"eval_set": {"keys": "q" * 64, "prompts": "p"}}, "eval_set.keys is kkkkkkkkkkkk... and qqqqqqqqqqqq..."),
        ({"conditions": {"answers": {"floor_of_other_faces": False}}}, "conditions.answers.floor_of_other_faces is"),
        ({"options": {"resamples": 10, "seed": 0}}, "options.resamples is 100 and 10"),
        ({"weights": {"kind": "tokenizer"}}, "weights.kind is unified and tokenizer"),
    ],
)  # fmt: skip
def test_unlike_results_are_refused_by_the_field_that_differs(changes: dict[str, Any], field: str, tmp_path: Path):
    runs = read_runs([_run(tmp_path / "a", answers=0.5), _run(tmp_path / "b", answers=0.5, **changes)])
    with pytest.raises(ConfigError, match=rf"^a and b were not measured in the same way: {field}"):
        refuse_unlike(runs)


def test_a_run_without_evaluation_is_compared_by_what_it_logged(tmp_path: Path):
    found = compare(read_runs([_run(tmp_path / "a", answers=0.5), _run(tmp_path / "b")]))
    assert [table.head[0] for table in found.tables()] == ["run", "score"]
    with pytest.raises(ConfigError, match=r"columns=val/los: no run has a value of this name .did you mean 'val/loss'"):
        compare(found.runs, ["val/los"])
    with pytest.raises(DataError, match=r"has no config\.yaml, metrics\.csv or evaluation\.json"):
        read_runs([tmp_path])
    with pytest.raises(DataError, match="no such folder"):
        read_runs([tmp_path / "c"])


def test_a_sweep_stands_for_its_runs(tmp_path: Path):
    for number in (0, 1):
        _run(tmp_path / "sweep" / str(number), seed=number)
    rows = [
        ["trial", "status", "run_dir"],
        *([n, s, f"/moved/{n}"] for n, s in ((0, "done"), (1, "done"), (2, "failed"))),
    ]
    with (tmp_path / "sweep" / "sweep.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert [run.name for run in read_runs([tmp_path / "sweep"])] == ["0", "1"]


def test_the_command_writes_text_csv_and_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    runs = [str(_run(tmp_path / name, lr, answers=lr)) for name, lr in (("a", 0.1), ("b", 0.2))]
    compare_runs(compose("compare", SYNTAX.overrides(runs)))
    assert "paired differences" in capsys.readouterr().out
    compare_runs(compose("compare", SYNTAX.overrides([*runs, f"out={tmp_path}/c.md"])))
    assert "| run | optimizer.lr | val/loss |" in (tmp_path / "c.md").read_text()
    table = compare_runs(compose("compare", SYNTAX.overrides([*runs, "format=csv"])))
    first, second = csv.DictReader(io.StringIO(table))
    assert (first["optimizer.lr"], first["val/loss"], first["best val/loss"]) == ("0.1", "2.0", "1.0")
    assert (second["score/answers"], second["score/answers low"]) == ("0.2", "0.4")
    assert TextTable(["a|b"], [["c\nd"]]).markdown() == "| a\\|b |\n|---|\n| c d |"


def test_a_sweep_prints_best_values_and_means_over_seeds(tmp_path: Path):
    rows = []
    for number, (lr, seed) in enumerate([(0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1)]):
        folder = _run(tmp_path / str(number), lr, seed)
        overrides = [f"optimizer.lr={lr}", f"seed={seed}"]
        metrics = {"val/loss": lr + seed}
        rows.append(SweepRow(number, "done", overrides, ["optimizer.lr", "seed"], str(folder), metrics))
    rows.append(SweepRow(4, "failed", ["optimizer.lr=0.1", "seed=2"], ["optimizer.lr", "seed"], cause="broken"))
    text = write_table(tmp_path, rows, ["val/loss"])
    lines = text.splitlines()
    assert lines[0].split() == ["trial", "optimizer.lr", "seed", "status", "val/loss", "best", "val/loss", "cause"]
    assert lines[1].split() == ["0", "0.1", "0", "done", "0.1", "1"]
    assert "0.1           2      0.6 +- 0.5" in text
    assert f"unif2ace-compare {tmp_path}" in text
