"""A network is cut block by block: the whole never exists in one process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ranks import run_ranks


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, int]]:
    out = tmp_path_factory.mktemp("memory") / "out.pt"
    run_ranks(Path(__file__).with_name("memory_run.py"), str(out))
    measured: dict[str, dict[str, int]] = torch.load(out)
    return measured


@pytest.mark.parametrize("way", ["fsdp", "fsdp_tp"])
def test_a_process_never_holds_more_than_its_part_one_block_and_the_root(way: str, found: dict[str, dict[str, int]]):
    whole, cut = found["whole"], found[way]
    bound = whole["all"] / 2 + whole["block"] + whole["root"]
    assert bound < 0.75 * whole["all"]
    assert cut["peak"] <= 1.05 * bound
    assert cut["end"] <= 0.53 * whole["all"]  # what tensor parallelism leaves whole is small
