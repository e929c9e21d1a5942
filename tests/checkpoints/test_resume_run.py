"""`unif2ace-train resume=auto` after a kill: the same command, the same folder, the same weights in the end."""

from __future__ import annotations

import csv
import os
import subprocess
from pathlib import Path

import pytest
from warm_process import run_warm

from unif2ace.checkpoints.finding import newest, step_name
from unif2ace.engine.weights import read_weights

SCRIPT = Path(__file__).with_name("resume_run.py")


def _run(root: Path, run: str, kill: int, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPT), str(kill), f"run_dir={root / run}", "resume=auto", *words]
    environment = os.environ | {"UNIF2ACE_ROOT": str(root), "OMP_NUM_THREADS": "1"}
    return run_warm(command, cwd=root, env=environment, timeout=120)


@pytest.mark.slow
def test_a_killed_run_goes_on_by_the_same_command_and_ends_alike(tmp_path: Path):
    whole = _run(tmp_path, "whole", -1)
    assert whole.returncode == 0, whole.stderr[-2000:]
    for kill in (5, 8):
        assert _run(tmp_path, "run", kill).returncode == -9
        assert newest(tmp_path / "run").name == step_name(kill // 2 * 2)
    (tmp_path / "run" / "checkpoints" / "step-00000009.tmp").mkdir()
    damaged = next((tmp_path / "run" / "checkpoints" / step_name(8)).glob("state.ckpt"))
    damaged.write_bytes(damaged.read_bytes()[:-10])
    done = _run(tmp_path, "run", -1)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "trying an older checkpoint" in done.stdout + done.stderr + _log(tmp_path)

    one, other = read_weights(tmp_path / "whole"), read_weights(tmp_path / "run")
    assert one.header["steps"] == other.header["steps"] == 9
    assert other.fingerprint == one.fingerprint
    assert not list((tmp_path / "run" / "checkpoints").glob("*.tmp"))
    steps = [[r["step"] for r in _rows(tmp_path / name) if r["train/loss"]] for name in ("whole", "run")]
    assert steps[0] == steps[1] == [str(step) for step in range(9)]

    before = (tmp_path / "run" / "weights.safetensors").stat().st_mtime_ns
    again = _run(tmp_path, "run", 0)  # finished: nothing is trained, or it would be killed
    assert again.returncode == 0, again.stderr[-2000:]
    assert (tmp_path / "run" / "weights.safetensors").stat().st_mtime_ns == before

    (tmp_path / "run" / "weights.safetensors").unlink()  # killed between the last checkpoint and the weights
    assert _run(tmp_path, "run", 0).returncode == 0
    assert read_weights(tmp_path / "run" / "weights.safetensors").fingerprint == one.fingerprint

    changed = _run(tmp_path, "run", -1, "task.image.batch_size=8")
    assert changed.returncode == 1
    assert "data.tasks.image.batch_size: 4 -> 8" in changed.stderr


def _rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _log(root: Path) -> str:
    return "".join(p.read_text() for p in root.rglob("*.log"))
