from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import random
import signal
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from unif2ace.data.shards import Metadata, Sample, ShardReader, ShardWriter, has_index, load_index
from unif2ace.data.shards import open_shard as open_shard_module
from unif2ace.data.shards.secure import secured_webdataset
from unif2ace.errors import DataError


def contents(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_samples_come_back_as_they_were_written(make_folder, make_sample):
    reader = ShardReader(make_folder(10, 4), verify="hash")
    assert len(reader) == 10
    for number in range(10):
        wrote, read = make_sample(number), reader[number]
        assert (read.key, read.image, read.extension) == (wrote.key, wrote.image, wrote.extension)
        assert read.metadata.to_json() == wrote.metadata.to_json()


def test_shards_are_plain_webdataset_tars(make_folder, make_sample):
    wds = secured_webdataset()
    paths = [str(p) for p in sorted(make_folder(5, 3).glob("*.tar"))]
    read = list(wds.WebDataset(paths, shardshuffle=False))
    assert [s["__key__"] for s in read] == [make_sample(n).key for n in range(5)]
    assert read[4]["jpg"] == make_sample(4).image


def test_a_rebuild_gives_the_same_bytes(make_folder):
    first = make_folder(10, 4, "first")
    time.sleep(1.1)  # times in tars are whole seconds
    assert contents(first) == contents(make_folder(10, 4, "second"))
    with tarfile.open(first / "shard-000000.tar") as tar:
        assert {(m.mtime, m.uid, m.gid, m.mode) for m in tar} == {(0, 0, 0, 0o444)}


def build(folder: Path, make_sample, num_samples: int, pause: float = 0.0) -> None:
    with ShardWriter(folder, 5, recipe={"n": num_samples}) as writer:
        for number in range(writer.num_completed, num_samples):
            writer.write(make_sample(number))
            time.sleep(pause)


def test_a_build_that_is_killed_again_and_again_ends_in_the_same_bytes(tmp_path, make_sample):
    secured_webdataset()  # imported once here and not in every process
    build(tmp_path / "whole", make_sample, 43)
    rng = random.Random(0)
    kills = 0
    for _ in range(30):
        if has_index(tmp_path / "killed"):
            break
        child = os.fork()
        if child == 0:
            try:
                build(tmp_path / "killed", make_sample, 43, pause=0.004)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.002, 0.06))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        for shard in (tmp_path / "killed").glob("*.tar"):
            with tarfile.open(shard) as tar:
                assert len(tar.getmembers()) in (10, 6), "what has its name is whole"
    if not has_index(tmp_path / "killed"):
        build(tmp_path / "killed", make_sample, 43)
    assert kills >= 2
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_kill_between_the_index_and_the_end_of_the_build_does_no_harm(make_folder, tmp_path, make_sample):
    folder = make_folder(12, 5)
    whole = contents(folder)
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path / "begun", 5, recipe={"n": 12}):
        raise KeyboardInterrupt
    (tmp_path / "begun" / "build.json").rename(folder / "build.json")
    assert not has_index(folder)
    build(folder, make_sample, 12)
    assert contents(folder) == whole


@pytest.mark.parametrize("stage", ["fsync", "replace", "after replace"])
def test_a_kill_at_each_stage_of_finishing_a_shard_does_no_harm(tmp_path, make_sample, monkeypatch, stage):
    secured_webdataset()
    build(tmp_path / "whole", make_sample, 12)
    child = os.fork()
    if child == 0:
        replace, calls = os.replace, []

        def killed(*args: object) -> None:
            calls.append(args)
            if len(calls) == 3:
                if stage == "after replace":
                    replace(*args)  # type: ignore[arg-type]
                os.kill(os.getpid(), signal.SIGKILL)
            if stage != "fsync":
                replace(*args)  # type: ignore[arg-type]

        setattr(os, "fsync" if stage == "fsync" else "replace", killed)
        try:
            build(tmp_path / "killed", make_sample, 12)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    build(tmp_path / "killed", make_sample, 12)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_an_interrupted_build_keeps_its_finished_shards(tmp_path, make_sample):
    def interrupted() -> None:
        with ShardWriter(tmp_path, 3) as writer:
            for number in range(8):
                writer.write(make_sample(number))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.glob(".*"))
    assert not has_index(tmp_path)
    writer = ShardWriter(tmp_path, 3)
    assert writer.num_completed == 6
    with pytest.raises(DataError, match="written before"):
        writer.write(make_sample(5))


def test_nothing_of_a_stopped_build_gets_into_the_next(tmp_path, make_folder, make_sample):
    folder = make_folder(8, 3)
    (folder / "index.json").unlink()
    build_settings = {"samples_per_shard": 3, "required": ["image", "json"], "recipe": {"n": 8}}
    (folder / "build.json").write_text(json.dumps(build_settings))
    (folder / ".shard-000007.tar.partial").write_bytes(b"half")
    with ShardWriter(folder, 3, recipe={"n": 8}) as writer:
        assert writer.num_completed == 6
    assert ShardReader(folder).keys() == [make_sample(n).key for n in range(6)]
    assert not list(folder.glob(".*"))


def test_foreign_tars_in_a_stopped_build_are_refused(tmp_path, make_sample, make_folder):
    other = make_folder(3, 3)
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path / "new", 3):
        raise KeyboardInterrupt
    for name in ("foreign.tar", "shard-000001.tar"):
        (tmp_path / "new" / name).write_bytes((other / "shard-000000.tar").read_bytes())
        with pytest.raises(DataError, match="does not belong"):
            ShardWriter(tmp_path / "new", 3)
        (tmp_path / "new" / name).unlink()


def test_going_on_with_other_settings_is_refused_by_name(tmp_path, make_sample):
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path, 3, recipe={"source": {"seed": 1}}):
        raise KeyboardInterrupt
    with pytest.raises(DataError, match=r"recipe\.source\.seed was 1 and is 2"):
        ShardWriter(tmp_path, 3, recipe={"source": {"seed": 2}})
    with pytest.raises(DataError, match="samples_per_shard was 3 and is 4"):
        ShardWriter(tmp_path, 4, recipe={"source": {"seed": 1}})
    ShardWriter(tmp_path, 3, recipe={"source": {"seed": 1}})


def test_nothing_is_written_over(make_folder, write_tar, jpeg, text):
    with pytest.raises(DataError, match="finished build"):
        ShardWriter(make_folder())
    with pytest.raises(DataError, match="of another program"):
        ShardWriter(write_tar([("a.jpg", jpeg), ("a.json", text)]).parent)


def test_the_recipe_is_in_the_index(make_folder):
    assert load_index(make_folder(10)).recipe == {"n": 10}


@pytest.mark.parametrize("key", ["", "A", "a.b", "../evil", "/etc/x", "a b", "ü", "a\n", "x" * 81, "a/b"])
def test_bad_keys_are_refused(tmp_path, make_sample, key):
    writer = ShardWriter(tmp_path)
    with pytest.raises(DataError, match="key"):
        writer.write(dataclasses.replace(make_sample(0), key=key))


def test_duplicate_keys_are_refused_across_shards(tmp_path, make_sample):
    writer = ShardWriter(tmp_path, 2)
    for number in range(4):
        writer.write(make_sample(number))
    with pytest.raises(DataError, match="face-00000"):
        writer.write(make_sample(0))


def test_a_refused_sample_leaves_no_trace(tmp_path, make_sample):
    bad = dataclasses.replace(make_sample(1), metadata=Metadata("s", "l", caption=""))
    with ShardWriter(tmp_path, 4) as writer:
        writer.write(make_sample(0))
        with pytest.raises(DataError, match=r"face-00001.*caption"):
            writer.write(bad)
        with pytest.raises(DataError, match="not plain JSON"):
            writer.write(dataclasses.replace(make_sample(1), metadata=Metadata("s", "l", provenance={"x": {1, 2}})))
        with pytest.raises(DataError, match="rename"):
            writer.write(dataclasses.replace(make_sample(1), metadata=Metadata("s", "l", extra={"qa": []})))
        with pytest.raises(DataError, match="gif"):
            writer.write(dataclasses.replace(make_sample(1), extension="gif"))
        with pytest.raises(DataError, match="pth"):
            writer.write(dataclasses.replace(make_sample(1), others={"pth": b"x"}))
        writer.write(make_sample(1))
    assert ShardReader(tmp_path).keys() == ["face-00000", "face-00001"]


@pytest.mark.parametrize("fails", ["write", "fsync"])
def test_a_full_disk_is_said_clearly_and_leaves_no_torn_shard(tmp_path, make_sample, monkeypatch, fails):
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = ShardWriter(tmp_path, 3)
    for number in range(5):
        writer.write(make_sample(number))
    with monkeypatch.context() as patch:
        if fails == "write":
            patch.setattr(open_shard_module._Sink, "write", full)
        else:
            patch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match=r"shard-000001.*disk is full.*free"):
            any(writer.write(make_sample(number)) for number in range(5, 50))
    with pytest.raises(DataError, match="new ShardWriter"):
        writer.write(make_sample(40))  # what it would follow is lost, so it must not be taken
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["build.json", "shard-000000.tar"]
    with ShardWriter(tmp_path, 3) as writer:
        assert writer.num_completed == 3
        for number in range(3, 6):
            writer.write(make_sample(number))
    assert len(ShardReader(tmp_path, verify="hash")) == 6


def test_other_errors_of_the_disk_are_not_called_full(tmp_path, make_sample, monkeypatch):
    def broken(*args: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    writer = ShardWriter(tmp_path, 1)
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        writer.write(make_sample(0))
    assert not list(tmp_path.glob("*.tar"))


def test_sidecars_hold_arrays_under_the_same_keys(tmp_path, make_folder):
    faces = ShardReader(make_folder(6))
    with ShardWriter(tmp_path / "tokens", 4, required=("tokens.npy",)) as writer:
        for number, key in enumerate(faces.keys()):
            writer.write_files(key, {"tokens.npy": npy(np.full(8, number, np.uint16))})
        with pytest.raises(DataError, match=r"tokens\.npy"):
            writer.write_files("other", {"json": b"{}"})
    tokens = ShardReader(tmp_path / "tokens")
    assert tokens.keys() == faces.keys()
    assert tokens.value(5, "tokens.npy").tolist() == [5] * 8
    with pytest.raises(DataError, match=r"tokens\.npy"):
        tokens.member(0, "token.npy")


def npy(array: np.ndarray) -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_further_files_of_a_sample_are_kept(tmp_path, make_sample):
    with ShardWriter(tmp_path) as writer:
        tokens, clip = npy(np.arange(4)), b"some text"
        sample: Sample = make_sample(0)
        writer.write(dataclasses.replace(sample, others={"tokens.npy": tokens, "note.txt": clip}))
    reader = ShardReader(tmp_path)
    assert reader.member(0, "tokens.npy") == tokens
    assert reader.value(0, "note.txt") == "some text"
    assert reader[0].image == sample.image
