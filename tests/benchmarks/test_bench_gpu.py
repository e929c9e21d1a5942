"""The benchmark of GPUs runs on the CPU with a tiny network, and says so where there is no GPU."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import gpu
from benchmarks.__main__ import met
from unif2ace.planning.plan import Plan, Rank


def test_a_variant_trains_and_is_measured_beside_its_plan(tmp_path: Path, monkeypatch):
    # the plan takes ten times as long as the training, and has tests of its own
    assert {"tokens", "ranks"} <= Plan.__dataclass_fields__.keys()
    assert "total" in Rank.__dataclass_fields__
    plan = SimpleNamespace(tokens=100, ranks=[SimpleNamespace(total=2**20)])
    monkeypatch.setattr(gpu, "make_plan", lambda config: plan)
    rows = [*gpu.rows_of("single", gpu.train("single", "cpu", 2, str(tmp_path))), *gpu.attention("cpu")]
    assert {row["unit"] for row in rows} == {"1/s", "GiB per rank", "ratio"}
    assert all(row["value"] > 0 for row in rows)


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no GPU"):
        gpu.main([])


def test_fewer_steps_than_can_be_measured_are_refused(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        gpu.main(["--device", "cpu", "--steps", "1"])
    assert "--steps 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "target", "is_met"),
    [(0.7, ">= 0.7", True), (0.69, ">= 0.7", False), (5, "<= 4", False), (1, "< 1", False), (0, "0", True)],
)
def test_a_target_is_met_or_not(value: float, target: str, is_met: bool):
    assert met(value, target) is is_met
    assert met(value, "") is None
