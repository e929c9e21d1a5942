"""Faulty images are left out, listed and limited; a build goes on after them, and changed input is called that."""

import json

import numpy as np
import pytest
from PIL import Image

from unif2ace.data.build import BuildOptions, build_shards
from unif2ace.data.build_faults import BuildFaults, faults_line
from unif2ace.data.shards import SampleFault, ShardReader
from unif2ace.data.sources.folder import FolderSource
from unif2ace.errors import ConfigError, DataError

BAD = ("p02", "p09")


def options(**changes):
    return BuildOptions(**{"validation": 0.3, "samples_per_shard": 2, "vocab_size": 300, "num_questions": 0} | changes)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(14):
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(folder / f"p{number:02d}.jpg")
    data = (folder / "p02.jpg").read_bytes()
    (folder / "p02.jpg").write_bytes(data[:-200])
    rows = [{"file": f"p{n:02d}.jpg", "text": "A face " * (900 if n == 9 else 1)} for n in range(14)]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def source(folder):
    return FolderSource(path=str(folder), license="CC0-1.0", caption_column="text")


def keys(out):
    return {sample.key for split in ("train", "val") for sample in ShardReader(out / split)}


def content(out):
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("workers", [1, 2])
def test_faulty_pictures_are_left_out_and_listed(pictures, tmp_path, workers):
    out = tmp_path / "out"
    counts = build_shards(source(pictures), out, options(), workers)
    assert sum(counts.values()) == len(keys(out)) == 12
    assert not keys(out) & {f"folder-{name}" for name in BAD}
    listed = [json.loads(line) for line in (out / "faults.jsonl").read_text().splitlines()]
    assert {line["key"]: line["cause"] for line in listed} == {"folder-p02": "image", "folder-p09": "schema"}
    assert "p02.jpg" in next(line["fault"] for line in listed if line["key"] == "folder-p02")
    assert "left out: 2 faulty (" in faults_line(out)
    before = content(out)
    assert build_shards(source(pictures), out, options()) == counts
    assert content(out) == before


def test_too_many_are_an_error_and_the_build_goes_on_with_a_larger_share(pictures, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    build_shards(source(pictures), whole, options())
    with pytest.raises(DataError, match=r"max_faults=0 accepts 0 .* of 14 are faulty.*set max_faults=0\.\d+"):
        build_shards(source(pictures), out, options(max_faults=0))
    assert list((out / "train").glob("*.tar"))
    build_shards(source(pictures), out, options(max_faults=0.5))
    assert content(out) == content(whole)


def test_a_build_without_a_finished_shard_is_begun_anew_after_a_mend(pictures, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(DataError, match="max_faults"):
        build_shards(source(pictures), out, options(max_faults=0, samples_per_shard=100))
    rows = (pictures / "metadata.jsonl").read_text().splitlines()
    (pictures / "metadata.jsonl").write_text("\n".join(rows[:9] + rows[10:]))
    (pictures / "p09.jpg").unlink()
    Image.new("RGB", (24, 24)).save(pictures / "p02.jpg")
    counts = build_shards(source(pictures), out, options(max_faults=0, samples_per_shard=100))
    assert sum(counts.values()) == 13
    assert not (out / "faults.jsonl").exists()


@pytest.mark.parametrize("finished", [True, False])
def test_changed_pictures_are_called_that(pictures, tmp_path, finished):
    out = tmp_path / "out"
    if finished:
        build_shards(source(pictures), out, options())
    else:
        with pytest.raises(DataError):
            build_shards(source(pictures), out, options(max_faults=0))
    (pictures / "p02.jpg").unlink()
    Image.new("RGB", (24, 24)).save(pictures / "q.jpg")
    message = r"pictures changed since: 1 added \(folder-q\), 1 removed \(folder-p02\).*remove"
    with pytest.raises(DataError, match=message):
        build_shards(source(pictures), out, options())


def test_a_changed_table_and_a_changed_file_are_told_apart(pictures, tmp_path):
    build_shards(source(pictures), tmp_path / "out", options())
    (pictures / "metadata.jsonl").write_text(json.dumps({"file": "p00.jpg", "text": "Another face."}))
    with pytest.raises(DataError, match="with other input: the source's table changed since"):
        build_shards(source(pictures), tmp_path / "out", options())
    Image.new("RGB", (24, 24)).save(pictures / "p03.jpg")
    with pytest.raises(DataError, match="none added or removed, but files of the same names changed"):
        build_shards(source(pictures), tmp_path / "out", options())
    with pytest.raises(DataError, match="num_questions was 0 and is 1"):
        build_shards(source(pictures), tmp_path / "out", options(num_questions=1))


@pytest.mark.parametrize(
    ("total", "share", "limit"), [(2, 0.05, 0), (6, 0.05, 2), (30, 0.05, 3), (1000, 0.05, 50), (1000, 0, 0), (8, 1, 8)]
)
def test_the_limit_is_a_share_and_a_few_of_few(tmp_path, total, share, limit):
    faults = BuildFaults(tmp_path, [], total, share)
    for number in range(limit):
        faults.add("train", number, SampleFault("image", "torn", key=f"k{number}"))
    faults.check()
    faults.add("train", limit, SampleFault("image", "torn", key="last"))
    with pytest.raises(DataError, match=f"but {limit + 1:,} of {total:,} are faulty"):
        faults.check()


def test_a_share_out_of_range_is_an_error():
    with pytest.raises(ConfigError, match="max_faults=2"):
        options(max_faults=2)
