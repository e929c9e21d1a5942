"""In a sweep every job runs, a failed one is told, and no two jobs write into one folder."""

from __future__ import annotations

import csv
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from unif2ace.engine.command import Command, run
from unif2ace.engine.sweep_table import FAILED, TABLE
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError

EACH = "out=out/${seed}"
Sweep = Callable[..., list[Any]]


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """Runs ``unif2ace-COMMAND -m WORDS`` with a function of a job as its work; returns the jobs' results."""
    monkeypatch.chdir(tmp_path)

    def started(command: str, *words: str, work: Callable[[DictConfig], Any]) -> list[Any]:
        done: list[Any] = []

        def job(config: DictConfig) -> Any:
            done.append(work(config))
            return done[-1]

        monkeypatch.setattr(sys, "argv", [f"unif2ace-{command}", "-m", *words, "hydra.sweep.dir=sweep"])
        run(Command(job, Syntax(f"unif2ace-{command}", command)))
        return done

    return started


def _fails(config: DictConfig) -> int:
    if config.seed == 2:
        raise ConfigError("seed=2: no such value\nin two lines")
    if config.seed == 3:
        raise ValueError("unforeseen")
    if config.seed == 4:
        raise SystemExit(1)
    return int(config.seed)


def test_a_failed_job_is_recorded_and_the_others_run(sweep: Sweep, capsys: pytest.CaptureFixture[str]):
    seen: list[int] = []
    with pytest.raises(SystemExit) as stopped:
        sweep("generate", "seed=1,2,3,4,5", EACH, work=lambda config: seen.append(_fails(config)))
    assert stopped.value.code == 1
    assert seen == [1, 5]
    listed = Path("sweep", FAILED).read_text().splitlines()
    assert [line[:8] for line in listed] == ["1 seed=2", "2 seed=3", "3 seed=4"]
    ended = "the job ended with status 1; its error message is above"
    causes = ("seed=2: no such value", "ValueError: unforeseen", ended)
    assert all(line.endswith(f": {cause}") for line, cause in zip(listed, causes, strict=True))
    shown = capsys.readouterr()
    assert "error: 3 of 5 jobs failed" in shown.err
    assert all(line in shown.err for line in listed)
    with Path("sweep", TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["trial"], row["seed"], row["status"]) for row in rows] == [
        (str(number), str(number + 1), status)
        for number, status in enumerate(["done", "failed", "failed", "failed", "done"])
    ]
    assert [row["cause"] for row in rows if row["cause"]] == list(causes)
    assert [Path(row["run_dir"]).name for row in rows] == ["1", "2", "3", "4", "5"]
    assert 'raise ValueError("unforeseen")' in shown.out  # the log of the job


def test_a_combination_that_cannot_be_composed_is_left_out(sweep: Sweep, capsys: pytest.CaptureFixture[str]):
    seen: list[str] = []
    with pytest.raises(SystemExit):
        sweep("train", "lr_scheduler=cosine,nothing,none", work=lambda config: seen.append(config.run_dir))
    assert [Path(folder).name for folder in seen] == ["0", "1"]
    assert "1 of 3 jobs failed" in (told := capsys.readouterr().err)
    assert "lr_scheduler=nothing: there is no lr_scheduler 'nothing'" in told
    with pytest.raises(SystemExit):
        sweep("train", "lr_scheduler=cosine,none", "sed=1", work=lambda _: pytest.fail("it runs"))
    assert "there is no key 'sed'" in capsys.readouterr().err


def test_a_signal_ends_the_sweep(sweep: Sweep):
    seen: list[int] = []

    def preempted(config: DictConfig) -> None:
        seen.append(config.seed)
        raise SystemExit(143)

    with pytest.raises(SystemExit) as stopped:
        sweep("generate", "seed=1,2", EACH, work=preempted)
    assert stopped.value.code == 143
    assert seen == [1]


@pytest.mark.parametrize(
    ("command", "key", "words"),
    [
        ("train", "run_dir", ["lr_scheduler=cosine,none", "run_dir=logs/${name}"]),
        ("generate", "out", ["guidance=1,2"]),
        ("evaluate", "out", ["seed=1,2", "ckpt=logs/x", "dataset=synthetic"]),
        ("build", "folder", ["seed=1,2"]),
    ],
)
def test_jobs_that_share_a_folder_are_refused_with_a_remedy(
    command: str, key: str, words: list[str], sweep: Sweep, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        sweep(command, *words, work=lambda _: pytest.fail("it runs"))
    told = capsys.readouterr().err
    assert f"would both write to {key}=" in told
    remedy = told.rpartition("such as '")[2].partition("'")[0]
    assert remedy.startswith(f"{key}=")
    other = [word for word in words if not word.startswith(f"{key}=")]
    assert len(set(sweep(command, *other, remedy, work=lambda config: config[key]))) == 2


def test_jobs_with_folders_of_their_own_run(sweep: Sweep):
    assert len(sweep("evaluate", "ckpt=a,b", "dataset=synthetic", work=lambda config: config.out)) == 2


def test_the_table_of_a_grid_has_the_last_metrics(sweep: Sweep, capsys: pytest.CaptureFixture[str]):
    def work(config: DictConfig) -> dict[str, float | None]:
        return {"val/loss": config.seed / 4, "val/psnr": 20.0, "val/none": None}

    sweep("generate", "seed=1,2", "guidance=1.5", EACH, work=work)
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("trial  seed  status  val/loss")
    assert lines[start + 1 : start + 3] == ["0      1     done    0.25", "1      2     done    0.5"]
    with Path("sweep", TABLE).open(newline="") as file:
        row = next(csv.DictReader(file))
    assert list(row) == ["trial", "status", "run_dir", "overrides", "cause", "seed", "val/loss", "val/psnr"]
    assert list(row.values())[:3] == ["0", "done", str(Path("out/1").absolute())]
    assert list(row.values())[4:] == ["", "1", "0.25", "20.0"]
    assert shlex.split(row["overrides"])[:2] == ["seed=1", "guidance=1.5"]
