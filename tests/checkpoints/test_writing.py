"""A checkpoint is there whole or not at all, and the one before it survives whatever happens."""

from __future__ import annotations

import errno
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from warm_process import run_warm
from writer_run import state

from unif2ace.checkpoints import writing
from unif2ace.checkpoints.finding import COMPLETE, STATE, describe, listed, newest, step_name, verify
from unif2ace.checkpoints.reading import read
from unif2ace.checkpoints.single import save_single
from unif2ace.checkpoints.writing import CheckpointFolder, DiskFullError, prune, remove_leftovers
from unif2ace.errors import DataError

SCRIPT = Path(__file__).with_name("writer_run.py")


def _save(folder: Path, *steps: int) -> list[Path]:
    return [save_single(state(step), folder / step_name(step)) for step in steps]


@pytest.mark.parametrize("kind", ["single", pytest.param("sharded", marks=pytest.mark.slow)])
def test_a_writer_killed_at_any_stage_leaves_a_valid_checkpoint_and_no_leftover(tmp_path: Path, kind: str):
    done = run_warm([str(SCRIPT), str(tmp_path), kind], env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=250)
    assert done.returncode == 0, done.stderr
    calls = done.stdout.split()
    assert len(calls) > 25
    seen = set()
    for call in calls:
        folder = tmp_path / call
        last = newest(folder)
        assert last is not None
        found = read(last)
        assert {float(v[0]) for v in found["state_dict"].values()} == {float(found["global_step"])}
        assert last.name == step_name(found["global_step"])
        seen.add(found["global_step"])
        remove_leftovers(folder)
        assert sorted(folder.iterdir()) == listed(folder)
        _save(folder, 4)  # and the next writer is not disturbed
        assert newest(folder) == folder / step_name(4)
    assert seen == {1, 2, 3}


@pytest.mark.parametrize("name", [STATE, COMPLETE])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_and_leaves_the_old_one(tmp_path: Path, monkeypatch, code: int, name: str):
    (old,) = _save(tmp_path, 1)
    before = {p: p.read_bytes() for p in old.iterdir()}

    def full(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        if name == STATE:
            write, count = writing.HashedFile.write, iter(range(9))
            patched.setattr(writing.HashedFile, "write", lambda *a: write(*a) if next(count) < 4 else full())
        else:
            patched.setattr(json, "dump", full)
        with pytest.raises(DiskFullError, match=rf"{step_name(2)} could not be written \([67],\d\d\d bytes are needed"):
            save_single(state(2), tmp_path / step_name(2))
    assert {p: p.read_bytes() for p in old.iterdir()} == before
    assert list(tmp_path.iterdir()) == [old]
    assert newest(tmp_path) == old


def test_other_faults_of_the_system_are_not_taken_for_a_full_disk(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "input/output error")))
    with pytest.raises(OSError, match="input/output"):
        _save(tmp_path, 1)
    assert not list(tmp_path.iterdir())


def test_a_flipped_byte_is_noticed_and_the_one_before_is_taken(tmp_path: Path, caplog):
    _save(tmp_path, 1, 2, 3)
    assert newest(tmp_path).name == step_name(3)
    file = tmp_path / step_name(3) / STATE
    data = bytearray(file.read_bytes())
    place = data.find(torch.full((9,), 3.0).numpy().tobytes())  # in a tensor, where torch notices nothing
    data[place + 2] ^= 1
    file.write_bytes(data)
    torch.load(file, weights_only=True)
    assert newest(tmp_path).name == step_name(2)
    assert [r.getMessage() for r in caplog.records] == [
        f"trying an older checkpoint: {file} is damaged: its contents changed after it was written"
    ]
    with pytest.raises(DataError, match="is damaged"):
        read(file.parent)


def _cut(path: Path) -> None:
    (path / STATE).write_bytes((path / STATE).read_bytes()[:-100])


def _no_state(path: Path) -> None:
    (path / STATE).unlink()


def _no_marker(path: Path) -> None:
    (path / COMPLETE).unlink()


def _cut_marker(path: Path) -> None:
    (path / COMPLETE).write_text((path / COMPLETE).read_text()[:40])


def _other_step(path: Path) -> None:
    (path / COMPLETE).write_text((path / COMPLETE).read_text().replace('"step": 3', '"step": 2'))


def _mixed(path: Path) -> None:
    (path / STATE).write_bytes((path.with_name(step_name(2)) / STATE).read_bytes())


def _foreign(path: Path) -> None:
    (path / COMPLETE).write_text("[1, 2]")


@pytest.mark.parametrize("damage", [_cut, _no_state, _no_marker, _cut_marker, _other_step, _mixed, _foreign])
def test_a_torn_directory_is_passed_over(tmp_path: Path, damage):
    _save(tmp_path / "checkpoints", 1, 2, 3)
    damage(tmp_path / "checkpoints" / step_name(3))
    assert newest(tmp_path) == tmp_path / "checkpoints" / step_name(2)
    with pytest.raises(DataError, match=step_name(3)):
        verify(tmp_path / "checkpoints" / step_name(3))


def test_a_folder_without_checkpoints_has_no_newest(tmp_path: Path):
    assert newest(tmp_path / "nowhere") is None
    (tmp_path / "step-00000001.tmp").mkdir()
    (tmp_path / "step-1").mkdir()
    assert newest(tmp_path) is None


def test_the_newest_is_the_latest_step_not_the_latest_file(tmp_path: Path):
    _save(tmp_path, 200_000_000, 30, 4)
    assert newest(tmp_path).name == "step-200000000"
    assert [describe(p).step for p in listed(tmp_path)] == [4, 30, 200_000_000]


def test_only_the_newest_stay_and_damaged_ones_do_not_count(tmp_path: Path):
    paths = _save(tmp_path, 1, 2, 3, 4)
    (paths[2] / STATE).unlink()
    prune(tmp_path, 2, paths[3])
    assert listed(tmp_path) == [paths[1], paths[3]]
    later = _save(tmp_path, 9)[0]
    (later / COMPLETE).unlink()  # a later one that was found damaged when the run was resumed from step 4
    prune(tmp_path, 1, paths[3])
    assert listed(tmp_path) == [paths[3], later]


def test_nothing_goes_where_another_writer_saves(tmp_path: Path):
    (ours,) = _save(tmp_path, 1)
    theirs = [tmp_path / step_name(step) for step in (2, 3, 4)]
    for path in theirs:
        path.mkdir()
        (path / "mp_rank_00_model_states.pt").write_bytes(b"x")
        prune(tmp_path, 1, path)
    assert listed(tmp_path) == [ours, *theirs]


def test_leftovers_of_others_are_not_touched(tmp_path: Path):
    for name in ("step-00000001.tmp", "step-00000001.old.tmp", "mine.tmp", "step-00000001.bak"):
        (tmp_path / name).mkdir()
    remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.tmp", "step-00000001.bak"]


def test_a_valid_one_in_the_place_is_kept_and_a_damaged_one_replaced(tmp_path: Path):
    (path,) = _save(tmp_path, 1)
    stamp = (path / COMPLETE).stat().st_mtime_ns
    _save(tmp_path, 1)
    assert (path / COMPLETE).stat().st_mtime_ns == stamp
    (path / STATE).write_bytes(b"")
    _save(tmp_path, 1)
    assert verify(path).step == 1
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_amid_writing_leaves_nothing(tmp_path: Path):
    def interrupted() -> None:
        with CheckpointFolder(tmp_path / step_name(1), step=1) as folder, folder.file("a") as file:
            file.write(b"1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


class _Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_what_could_not_be_read_again_is_refused_when_it_is_written(tmp_path: Path):
    with pytest.raises(DataError, match=r"could run code"):
        save_single(state(1) | {"evil": _Runs(tmp_path / "ran")}, tmp_path / step_name(1))
    with pytest.raises(DataError, match="neither plain data nor a tensor"):
        save_single(state(1) | {"function": lambda: 0}, tmp_path / step_name(1))
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_that_would_run_code_is_never_opened(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with CheckpointFolder(tmp_path / step_name(1), step=1) as folder, folder.file(STATE) as file:
        torch.save(state(1) | {"evil": _Runs(tmp_path / "ran")}, file)
    with pytest.raises(DataError, match="could run code"):
        read(tmp_path / step_name(1))
    (tmp_path / "b.ckpt").write_bytes(pickle.dumps(_Runs(tmp_path / "ran")))
    with pytest.raises(DataError, match=r"b\.ckpt"):
        read(tmp_path / "b.ckpt")
    assert not (tmp_path / "ran").exists()
