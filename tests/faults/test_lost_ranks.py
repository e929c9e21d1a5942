"""A process that is killed or hangs ends the run of all, within the time-out; the last checkpoint is whole."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from live_run import LiveRun, alive

from unif2ace.checkpoints.finding import newest, verify


@pytest.mark.parametrize("victim", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_when_a_rank_is_killed_no_other_stays(tmp_path: Path, victim: int):
    with LiveRun(tmp_path / "run", "devices=2", "every=2", "steps=100000") as run:
        pids = run.at_step(5, ranks=2)
        os.kill(pids[victim], signal.SIGKILL)
        assert run.status() != 0
        run.until(lambda: not any(map(alive, pids)))
        found = newest(run.out)
        assert found is not None
        assert verify(found).step >= 4


@pytest.mark.slow
def test_a_rank_that_hangs_ends_the_run_at_the_time_out(tmp_path: Path):
    with LiveRun(tmp_path / "run", "devices=2", "every=2", "timeout=30", "steps=100000") as run:
        pids = run.at_step(5, ranks=2)
        os.kill(pids[1], signal.SIGSTOP)
        assert run.status() not in (0, 143)
        assert "30000ms" in run.output  # what gloo says it has waited for
        assert newest(run.out) is not None
