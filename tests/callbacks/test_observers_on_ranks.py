"""All observers on two ranks: all take part, the first one writes, and what it says is true of the whole."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

RUN = Path(__file__).with_name("observed_run.py")


def _run(out: Path, strategy: str, ranks: int) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks), "OMP_NUM_THREADS": "1"}
    runs = []
    try:
        for rank in range(ranks):
            environment = {**os.environ, **shared, "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
            command = [sys.executable, str(RUN), str(out), strategy, str(ranks)]
            runs.append(
                subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
                    start_new_session=True,
                )
            )  # fmt: skip
        told = [run.communicate(timeout=250)[0] for run in runs]
    finally:
        for run in runs:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    for run, text in zip(runs, told, strict=True):
        assert run.returncode == 0, text[-6000:]


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(s.step, s.value) for s in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    _run(out, "auto", 1)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_ranks(tmp_path: Path, alone: Path, strategy: str):
    _run(tmp_path, strategy, 2)
    assert not (tmp_path / "rank1").exists()
    written = sorted(p.name for p in (tmp_path / "rank0").iterdir() if "tfevents" not in p.name)
    assert written == ["experts", "hparams.yaml", "noise", "samples", "summary.txt"]
    assert len([*(tmp_path / "rank0" / "samples").iterdir()]) == 4

    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2))
    single = torch.load(alone / "rank0.pt")
    assert torch.equal(first["faces"], second["faces"])
    assert (first["captions"], first["said"]) == (second["captions"], second["said"])
    assert set(first["captions"]) & set(single["captions"])

    whole, found = _scalars(alone / "rank0"), _scalars(tmp_path / "rank0")
    parts = [tag for tag in whole if tag.startswith(("gradient/", "noise_", "experts/"))]
    assert {tag.split("/")[0] for tag in parts} == {"gradient", "noise_train", "noise_val", "experts"}
    for tag in parts:
        assert [step for step, _ in found[tag]] == [step for step, _ in whole[tag]]
        np.testing.assert_allclose([v for _, v in found[tag]], [v for _, v in whole[tag]], rtol=2e-3, atol=1e-5)
    said = (tmp_path / "rank0" / "summary.txt").read_text()
    assert "first rank of 2" in said
    assert [line.split()[1] for line in said.splitlines() if line.startswith("seen")] == ["48"]
    assert Image.open(next((tmp_path / "rank0" / "noise").iterdir())).size == (1000, 600)
