from __future__ import annotations

import dataclasses
import logging
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from unif2ace.data.shards import (
    DropLog,
    Rules,
    SampleFault,
    ShardReader,
    ShardWriter,
    TolerantReader,
    build_index,
    has_index,
)
from unif2ace.errors import DataError


@pytest.fixture
def faulty_folder(write_tar, jpeg, text, altered):
    """Sound samples ``good-*`` and one of each fault, in one shard; the causes are in the dictionary."""
    faults = {
        "bad-torn": (jpeg[: len(jpeg) // 2], text, "image"),
        "bad-empty": (b"", text, "image"),
        "bad-picture": (b"no picture", text, "image"),
        "bad-json": (jpeg, b"{oops", "json"),
        "bad-utf8": (jpeg, b"\xff\xfe", "json"),
        "bad-caption": (jpeg, altered(caption="x" * 1_000_000), "schema"),
        "bad-type": (jpeg, altered(caption=5), "schema"),
        "bad-none": (jpeg, altered(caption=None), "missing"),
        "bad-attribute": (jpeg, altered(attributes={"hair_colour": "green"}), "schema"),
    }
    files = []
    for number, (key, (image, data, _)) in enumerate(faults.items()):
        files += [(f"good-{number}.jpg", jpeg), (f"good-{number}.json", text)]
        files += [(f"{key}.jpg", image), (f"{key}.json", data)]
    folder = write_tar(files).parent
    build_index(folder)
    return folder, {key: cause for key, (_, _, cause) in faults.items()}


RULES = Rules(require=("caption",))


def test_each_fault_names_cause_shard_and_key(faulty_folder):
    folder, causes = faulty_folder
    reader = ShardReader(folder, rules=RULES)
    found = {}
    for index, key in enumerate(reader.keys()):
        if key.startswith("good"):
            assert reader.decoded(index).image.shape == (24, 24, 3)
            continue
        with pytest.raises(SampleFault, match=key) as caught:
            reader.decoded(index)
        assert caught.value.shard == "a.tar"
        assert str(caught.value)
        found[caught.value.key] = caught.value.cause
    assert found == causes


def test_a_faulty_sample_is_replaced_by_the_next_sound_one(faulty_folder, caplog):
    folder, causes = faulty_folder
    tolerant = TolerantReader(ShardReader(folder, rules=RULES), DropLog(max_fraction=1.0))
    keys = tolerant.reader.keys()
    with caplog.at_level(logging.WARNING):
        read = [tolerant.decoded(index).key for index in range(len(tolerant))]
    wanted = [key if key.startswith("good") else keys[(n + 1) % len(keys)] for n, key in enumerate(keys)]
    assert read == wanted
    counted = dict.fromkeys(causes.values(), 0)
    for cause in causes.values():
        counted[cause] += 1
    assert tolerant.log.causes == counted
    assert {(r.key, r.cause, r.shard) for r in caplog.records} == {(k, c, "a.tar") for k, c in causes.items()}


def test_what_stands_in_does_not_depend_on_what_was_read_before(faulty_folder):
    folder, _ = faulty_folder
    reader = ShardReader(folder, rules=RULES)
    forward = [TolerantReader(reader).decoded(n).key for n in range(len(reader))]
    tolerant = TolerantReader(reader, DropLog(max_fraction=1.0))
    backward = [tolerant.decoded(n).key for n in reversed(range(len(reader)))]
    assert forward == backward[::-1]


def test_evaluation_gets_none_for_a_faulty_sample(faulty_folder):
    folder, causes = faulty_folder
    tolerant = TolerantReader(ShardReader(folder, rules=RULES), DropLog(max_fraction=1.0))
    missing = [k for n, k in enumerate(tolerant.reader.keys()) if tolerant.decoded_or_none(n) is None]
    assert missing == list(causes)
    assert tolerant.log.drops == len(causes)
    assert tolerant.log.reads == len(tolerant)


def test_too_many_faults_stop_the_run(faulty_folder):
    folder, _ = faulty_folder
    reader = ShardReader(folder, rules=RULES)
    for max_fraction, grace, stops in ((0.1, 3, True), (0.1, 100, False), (0.5, 0, False), (0.4, 5, True)):
        tolerant = TolerantReader(reader, DropLog(max_fraction, grace))
        if stops:
            with pytest.raises(DataError, match=r"accepted fraction .*bad-"):
                [tolerant.decoded_or_none(n) for n in range(len(reader))]
        else:
            [tolerant.decoded_or_none(n) for n in range(len(reader))]
    with pytest.raises(DataError, match=r"must be in \[0, 1\]"):
        DropLog(max_fraction=2)


def test_a_folder_without_a_sound_sample_ends(write_tar, text):
    folder = write_tar([(f"{k}{e}", text) for k in "abc" for e in (".jpg", ".json")]).parent
    build_index(folder)
    with pytest.raises(DataError, match="every sample is faulty"):
        TolerantReader(ShardReader(folder)).decoded(1)


def spoil(folder, name, how):
    path = folder / name
    data = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "garbage":
        path.write_bytes(os.urandom(len(data)))
    elif how == "flipped":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "garbage", "flipped"])
def test_a_bad_shard_is_an_error_that_lists_it_or_is_skipped(make_folder, how, caplog):
    folder = make_folder(10, 4)
    spoil(folder, "shard-000001.tar", how)
    seen = how in ("missing", "empty", "truncated")  # by size alone; the others need the hash
    with pytest.raises(DataError, match=r"(?s)1 of 3 shards.*shard-000001\.tar"):
        ShardReader(folder, verify="size" if seen else "hash")
    with caplog.at_level(logging.WARNING):
        reader = ShardReader(folder, strict=False, verify="size" if seen else "hash")
    assert reader.skipped_shards == ("shard-000001.tar",)
    assert len(reader) == 6
    assert "4 samples are skipped" in caplog.text
    assert [s.key for s in reader] == [f"face-{n:05d}" for n in (0, 1, 2, 3, 8, 9)]
    assert len(pickle.loads(pickle.dumps(reader))) == 6


def test_all_shards_bad_is_an_error_even_when_not_strict(make_folder):
    folder = make_folder(4, 4)
    spoil(folder, "shard-000000.tar", "missing")
    with pytest.raises(DataError, match="no sample is left"):
        ShardReader(folder, strict=False)


def test_garbage_under_the_right_size_never_gives_a_wrong_sample(make_folder):
    folder = make_folder(4, 4)
    spoil(folder, "shard-000000.tar", "garbage")
    reader = ShardReader(folder)
    for index in range(4):
        with pytest.raises(SampleFault):
            reader.decoded(index)


def test_a_shard_that_is_cut_while_it_is_read_is_noticed(make_folder):
    folder = make_folder(4, 4)
    reader = ShardReader(folder)
    assert reader[0].key == "face-00000"
    os.truncate(folder / "shard-000000.tar", 1000)
    for read in (reader.decoded, reader.image, lambda n: reader[n], lambda n: reader.member(n, "json")):
        with pytest.raises(SampleFault, match=r"missing; the shard is truncated") as caught:
            read(3)
        assert (caught.value.cause, caught.value.key) == ("read", "face-00003")


def test_a_shard_that_vanishes_is_noticed(make_folder):
    folder = make_folder(4, 4)
    reader = ShardReader(folder)
    (folder / "shard-000000.tar").unlink()
    with pytest.raises(SampleFault, match="No such file"):
        reader[0]


def test_all_ways_of_reading_agree(make_folder, make_sample):
    reader = ShardReader(make_folder())
    for index in range(len(reader)):
        decoded = reader.decoded(index)
        assert np.array_equal(decoded.image, make_sample(index).pixels())
        assert np.array_equal(decoded.image, reader.image(index))
        assert np.array_equal(decoded.image, reader.value(index, "jpg"))
        assert decoded.metadata == reader[index].metadata
        assert decoded.key == reader.key(index) == reader.keys()[index]
        assert decoded.index == index
    with pytest.raises(IndexError):
        reader[len(reader)]


POOL = """
import multiprocessing, sys
from unif2ace.data.shards import ShardReader

def key(reader, index):
    return reader[index].key

if __name__ == "__main__":
    reader = ShardReader(sys.argv[2])
    assert reader[0].key == "face-00000"  # a file is open before the process starts
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(*pool.starmap(key, [(reader, n) for n in range(10)]))
"""
"""For an interpreter of its own: a fork of the tests' process would inherit their threads, and might wait for one."""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_reader_works_in_other_processes(make_folder, tmp_path, method):
    folder, script = make_folder(), tmp_path / "pool.py"
    script.write_text(POOL)
    command = [sys.executable, str(script), method, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ShardReader(folder).keys()


def test_no_more_files_are_open_than_allowed(make_folder, monkeypatch):
    monkeypatch.setattr("unif2ace.data.shards.reader.MAX_OPEN", 2)
    reader = ShardReader(make_folder(12, 2))
    before = len(os.listdir("/proc/self/fd"))
    for index in (*range(12), *range(12)):
        assert reader[index].key == f"face-{index:05d}"
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    reader.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_reading_imports_neither_torch_nor_webdataset():
    code = (
        "import sys; from unif2ace.data.shards import *; from unif2ace.data import shards; "
        "print({'torch', 'webdataset', 'lightning', 'hydra', 'matplotlib'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout.strip() == "set()"


def test_names_in_a_tar_never_become_files(write_tar, jpeg, text, tmp_path):
    files = [(f"{stem}{e}", d) for stem in ("../../evil", "/etc/x", "ok") for e, d in ((".jpg", jpeg), (".json", text))]
    folder = write_tar([*files, ("evil.pth", b"x")]).parent
    build_index(folder, strict=False)
    reader = ShardReader(folder)
    assert reader.keys() == ["ok"]
    reader.decoded(0)
    assert {p.name for p in tmp_path.rglob("*")} == {"plain", "a.tar", "index.json", "index.npy"}
    assert has_index(folder)


def test_rules_reach_the_reader(tmp_path, make_sample):
    with ShardWriter(tmp_path) as writer:
        sample = make_sample(0)
        writer.write(dataclasses.replace(sample, metadata=dataclasses.replace(sample.metadata, caption=None)))
    ShardReader(tmp_path)[0]
    with pytest.raises(SampleFault, match="caption"):
        ShardReader(tmp_path, rules=RULES)[0]
