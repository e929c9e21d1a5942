"""Two processes write together, one or two read; nobody is left waiting when one of them fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from ranks import run_ranks
from sharded_run import evil_contents, make

from unif2ace.checkpoints.converting import convert
from unif2ace.checkpoints.finding import COMPLETE, sha256, verify
from unif2ace.checkpoints.rank_shards import read_shards
from unif2ace.checkpoints.reading import read
from unif2ace.errors import DataError

SCRIPT = Path(__file__).with_name("sharded_run.py")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded")
    run_ranks(SCRIPT, str(folder))
    return folder


def _found(run: Path, rank: int) -> dict[str, Any]:
    return json.loads((run / f"found_{rank}.json").read_text())


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("source", ["resumed", "from single", "from single, sharded by one"])
def test_a_run_goes_on_bitwise(run: Path, rank: int, source: str):
    assert _found(run, rank)[source]


@pytest.mark.parametrize("stage", ["full", "full later"])
def test_a_disk_that_is_full_for_one_is_told_by_both(run: Path, stage: str):
    for rank in (0, 1):
        assert _found(run, rank)[stage].startswith("DiskFullError: the disk is full")
        assert _found(run, rank)["there"] == ["step-00000003"]


def test_a_damaged_shard_is_refused_by_both(run: Path):
    for rank in (0, 1):
        assert "is damaged: its contents changed after it was written" in _found(run, rank)["flipped"]


def test_a_converted_checkpoint_has_the_same_weights_and_moments_by_number(run: Path):
    saved = torch.load(run / "first.pt", weights_only=True)["whole"]
    found = read(run / "single")
    assert verify(run / "single").kind == "single"
    assert found["global_step"] == 3
    torch.testing.assert_close(found["current_model_state"], saved, rtol=0, atol=0)
    torch.testing.assert_close(found["state_dict"], {n: v * 2 for n, v in saved.items()}, rtol=0, atol=0)
    net, optimizer = make(shard=False)
    optimizer.load_state_dict(found["optimizer_states"][0])
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.2, 0.3]
    shards = read_shards(run / "step-00000003")["optimizer_0"]["state"]
    for name, parameter in net.named_parameters():
        for key in ("exp_avg", "exp_avg_sq", "step"):
            assert torch.equal(optimizer.state[parameter][key], shards[name][key])
    moments = [optimizer.state[p]["exp_avg"] for p in (net.first.weight, net.second.weight)]
    assert not torch.equal(*moments)


def test_there_and_back_is_the_same_file_by_file(run: Path, tmp_path: Path):
    assert convert(run / "again", tmp_path / "back") == "single"
    one, other = read(run / "single"), read(tmp_path / "back")
    torch.testing.assert_close(other["optimizer_states"], one["optimizer_states"], rtol=0, atol=0)
    torch.testing.assert_close(other["current_model_state"], one["current_model_state"], rtol=0, atol=0)
    assert other["parameter_names"] == one["parameter_names"]
    with pytest.raises(DataError, match="exists already"):
        convert(run / "again", tmp_path / "back")


def test_only_the_weights_are_read_if_only_they_are_asked_for(run: Path):
    found = read(run / "step-00000003", only={"state_dict"})
    assert "current_model_state" not in found
    assert "optimizer_states" not in found
    assert found["loops"] == {"epoch": 3}


def test_a_single_one_without_names_is_not_sharded(run: Path, tmp_path: Path):
    found = read(run / "single")
    del found["parameter_names"]
    torch.save(found, tmp_path / "old.ckpt")
    with pytest.raises(DataError, match="has no names for the parameters"):
        convert(tmp_path / "old.ckpt", tmp_path / "out")


def _agree(folder: Path) -> None:
    """Makes the hashes fit, as one who means harm would."""
    tree = json.loads((folder / COMPLETE).read_text())
    for name in tree["files"]:
        tree["files"][name] = {"size": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
    (folder / COMPLETE).write_text(json.dumps(tree))


def test_a_table_of_contents_that_would_run_code_is_refused(run: Path, tmp_path: Path):
    folder = tmp_path / "step-00000003"
    shutil.copytree(run / "step-00000003", folder)
    evil_contents(folder, tmp_path / "ran")
    with pytest.raises(DataError, match=r"\.metadata is damaged: it has \d+ of "):
        read(folder)
    _agree(folder)
    with pytest.raises(DataError, match="could run code"):
        read(folder)
    assert not (tmp_path / "ran").exists()


def test_a_value_in_a_shard_that_would_run_code_is_refused(tmp_path: Path):
    from torch.distributed.checkpoint import FileSystemWriter, save

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    save({"state_dict": {"a": torch.zeros(2)}, "evil": Evil()}, storage_writer=FileSystemWriter(tmp_path / "x"))
    with pytest.raises(DataError, match="could run code"):
        read_shards(tmp_path / "x")
    assert not (tmp_path / "ran").exists()
