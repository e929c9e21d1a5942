"""A signal at any rank: one checkpoint, all ranks out with status 143, and the run goes on as if nothing had been."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from live_run import LiveRun
from resumed import assert_same_end, curve

from unif2ace.callbacks import preemption
from unif2ace.callbacks.preemption import Preemption
from unif2ace.checkpoints.finding import newest
from unif2ace.checkpoints.reading import read
from unif2ace.errors import ConfigError


def _checkpoint(out: Path) -> Path:
    """The only one, and a valid one."""
    (found,) = (out / "checkpoints").iterdir()
    assert newest(out) == found
    return found


def test_one_process_saves_leaves_and_goes_on_bit_for_bit(tmp_path: Path):
    with LiveRun(tmp_path / "whole", "steps=30", "seconds=0") as whole:
        assert whole.status() == 0, whole.output
    with LiveRun(tmp_path / "stopped", "steps=30") as run:
        os.kill(run.at_step(5)[0], signal.SIGTERM)
        assert run.status() == 143, run.output
        checkpoint = _checkpoint(run.out)
        done = run.lines()[-1]["step"]
        assert read(checkpoint)["global_step"] == done < 30
        assert (run.out / "left-0").exists()
    with LiveRun(run.out, "steps=30", "seconds=0", f"ckpt={checkpoint}") as again:
        assert again.status() == 0, again.output
        assert [line["step"] for line in again.lines()] == list(range(1, 31))
        assert curve(again.out) == curve(whole.out)
    assert_same_end(whole.out, again.out)


SLOW = pytest.mark.slow  # ten seconds each; rank 1 is the harder one
TOLD = [pytest.param([0], id="rank 0", marks=SLOW), pytest.param([1], id="rank 1")]
TOLD += [pytest.param([0, 1], id="both", marks=SLOW)]


@pytest.mark.parametrize("told", TOLD)
def test_two_ranks_leave_together_whoever_is_told(tmp_path: Path, told: list[int]):
    with LiveRun(tmp_path / "run", "devices=2") as run:
        pids = run.at_step(4, ranks=2)
        for rank in told:
            os.kill(pids[rank], signal.SIGTERM)
        assert run.status() == 143, run.output
        checkpoint = read(_checkpoint(run.out))
        steps = [run.lines(rank)[-1]["step"] for rank in range(2)]
        assert steps == [checkpoint["global_step"]] * 2
        assert len(checkpoint["random_state"]) == 2
        assert (run.out / "left-1").exists()


@pytest.mark.slow
def test_two_ranks_go_on_bit_for_bit(tmp_path: Path):
    with LiveRun(tmp_path / "whole", "devices=2", "steps=20", "seconds=0") as whole:
        assert whole.status() == 0, whole.output
    with LiveRun(tmp_path / "stopped", "devices=2", "steps=20") as run:
        os.kill(run.at_step(5, ranks=2)[1], signal.SIGUSR2)
        assert run.status() == 143, run.output
        checkpoint = _checkpoint(run.out)
    with LiveRun(run.out, "devices=2", "steps=20", "seconds=0", f"ckpt={checkpoint}") as again:
        assert again.status() == 0, again.output
    for rank in range(2):
        assert curve(again.out, rank) == curve(whole.out, rank)
    assert_same_end(whole.out, again.out)


def test_a_second_signal_does_not_break_the_save(tmp_path: Path):
    with LiveRun(tmp_path / "run", env={"SAVE_SECONDS": "2"}) as run:
        pid = run.at_step(3)[0]
        os.kill(pid, signal.SIGTERM)
        run.wait((run.out / "saving-0").exists)
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(pid, number)
        assert run.status() == 143, run.output
        assert read(_checkpoint(run.out))["global_step"] == run.lines()[-1]["step"]


def test_it_never_leaves_amid_an_accumulation(tmp_path: Path):
    with LiveRun(tmp_path / "run", "accumulate=4") as run:
        os.kill(run.at_step(2)[0], signal.SIGUSR1)
        assert run.status() == 143, run.output
        step = read(_checkpoint(run.out))["global_step"]
        assert len(run.lines()) == 4 * step


def test_workers_may_be_told_too(tmp_path: Path):
    """A scheduler signals every process of a job."""
    with LiveRun(tmp_path / "run", "workers=1") as run:
        run.at_step(4)
        os.killpg(run.process.pid, signal.SIGTERM)
        assert run.status() == 143, run.output
        assert _checkpoint(run.out)


def test_a_job_is_put_back_only_in_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asked = tmp_path / "asked"
    program = tmp_path / "scontrol"
    program.write_text(f'#!/bin/sh\necho "$@" > {asked}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    preemption.requeue()
    assert not asked.exists()
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    preemption.requeue()
    assert asked.read_text() == "requeue 77\n"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "70")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "6")
    preemption.requeue()
    assert asked.read_text() == "requeue 70_6\n"
    program.unlink()
    preemption.requeue()  # told, not raised: the checkpoint is written


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="SIGSTOPP"):
        Preemption(["SIGSTOPP"])
    with pytest.raises(ConfigError, match="every=0"):
        Preemption(every=0)
