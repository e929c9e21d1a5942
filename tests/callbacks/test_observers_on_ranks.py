"""All observers on two ranks: all take part, the first one writes, and what it says is true of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from ranks import run_ranks
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

RUN = Path(__file__).with_name("observed_run.py")


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(s.step, s.value) for s in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    run_ranks(RUN, str(out), "auto", "1", ranks=1)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_ranks(tmp_path: Path, alone: Path, strategy: str):
    run_ranks(RUN, str(tmp_path), strategy, "2")
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
