"""Whether two runs of the toy came to the same end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from unif2ace.checkpoints.finding import newest
from unif2ace.checkpoints.reading import read

PARTS = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers", "global_step", "random_state")


def equal(one: Any, other: Any) -> bool:
    """Bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def assert_same_end(one: Path, other: Path) -> None:
    """Of the newest checkpoints of two runs."""
    ends = [read(newest(out)) for out in (one, other)]
    for part in PARTS:
        assert equal(ends[0][part], ends[1][part]), part


def curve(out: Path, rank: int = 0) -> dict[int, tuple[float, float]]:
    """Loss and data of each step."""
    lines = map(json.loads, (out / f"rank-{rank}.jsonl").read_text().splitlines())
    return {line["step"]: (line["loss"], line["row"]) for line in lines}
