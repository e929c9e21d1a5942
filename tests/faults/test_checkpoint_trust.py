"""What is saved loads without executing anything, and what would execute something does not load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import toy_run

from unif2ace.checkpoints.finding import newest
from unif2ace.checkpoints.reading import read
from unif2ace.errors import DataError


class _Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("forced", [False, True])
def test_no_pickle_in_a_checkpoint_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forced: bool):
    if forced:  # what makes torch.load trust everything that does not say otherwise
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    marker = tmp_path / "marker"
    torch.save({"state_dict": {}, "callbacks": _Evil(marker)}, tmp_path / "evil.ckpt")
    with pytest.raises(DataError, match=r"evil\.ckpt"):
        read(tmp_path / "evil.ckpt")
    with pytest.raises(DataError, match=r"evil\.ckpt"):
        toy_run.main(tmp_path / "run", steps=3, seconds=0, ckpt=tmp_path / "evil.ckpt")
    assert not marker.exists()


def test_what_our_callbacks_save_loads_safely(tmp_path: Path):
    toy_run.main(tmp_path, steps=2, seconds=0)
    found = newest(tmp_path)
    assert found is not None
    checkpoint = torch.load(found / "state.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 2
    assert read(found).keys() >= {"random_state", "current_model_state", "optimizer_states"}
