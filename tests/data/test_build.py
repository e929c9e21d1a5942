"""Builds: the bytes depend on the settings alone, a killed build goes on, splits never share a person."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unif2ace.data.build import BuildOptions, build_shards, split_by_identity
from unif2ace.data.shards import ShardReader
from unif2ace.data.sources.synthetic import SyntheticSource
from unif2ace.data.text_tokenizer import TextTokenizer
from unif2ace.errors import ConfigError, DataError

OPTIONS = BuildOptions(validation=0.2, samples_per_shard=16, vocab_size=400, num_questions=8)
SOURCE = {"num_samples": 120, "size": 32, "seed": 3}


def digest(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "faces"
    build_shards(SyntheticSource(**SOURCE), folder, OPTIONS)
    return folder


def test_the_bytes_are_the_same_for_any_number_of_processes(built: Path, tmp_path: Path):
    build_shards(SyntheticSource(**SOURCE), tmp_path / "faces", OPTIONS, workers=2)
    assert digest(tmp_path / "faces") == digest(built)


def test_two_runs_that_build_the_same_take_turns(built: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = tmp_path / "faces"
    with caplog.at_level(logging.INFO), ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(build_shards, SyntheticSource(**SOURCE), folder, OPTIONS) for _ in range(2)]
        assert runs[0].result() == runs[1].result()
    assert digest(folder) == digest(built)
    assert f"which writes to {folder}" in caplog.text


def test_a_killed_build_goes_on_and_ends_with_the_same_bytes(built: Path, tmp_path: Path):
    folder = tmp_path / "faces"
    code = (
        "import tests.data.test_build as t; from pathlib import Path;"
        f"t.build_shards(t.SyntheticSource(**t.SOURCE), Path({str(folder)!r}), t.OPTIONS)"
    )
    for shards in (1, 3):
        child = subprocess.Popen(
            [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."}
        )
        while child.poll() is None and len(list(folder.rglob("shard-*.tar"))) < shards:
            time.sleep(0.005)
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.wait()
    build_shards(SyntheticSource(**SOURCE), folder, OPTIONS)
    assert digest(folder) == digest(built)


def test_a_finished_build_is_kept_and_another_is_refused(built: Path):
    before = digest(built)
    counts = build_shards(SyntheticSource(**SOURCE), built, OPTIONS)
    assert sum(counts.values()) == SOURCE["num_samples"]
    assert digest(built) == before
    with pytest.raises(DataError, match="finished build with other settings"):
        build_shards(SyntheticSource(**{**SOURCE, "seed": 4}), built, OPTIONS)


def test_no_person_is_in_both_splits(built: Path):
    people = {split: {s.metadata.identity for s in ShardReader(built / split)} for split in ("train", "val")}
    assert people["train"]
    assert people["val"]
    assert not people["train"] & people["val"]


def test_a_split_depends_on_the_identity_alone():
    small, large = SyntheticSource(num_samples=100), SyntheticSource(num_samples=1000)
    where = [split_by_identity(source, OPTIONS) for source in (small, large)]
    assert set(where[0]["val"]) == {i for i in where[1]["val"] if i < 100}
    assert 0.15 < len(where[1]["val"]) / 1000 < 0.25


def test_capitals_of_a_name_move_no_person(monkeypatch):
    source = SyntheticSource(num_samples=100)
    before = split_by_identity(source, OPTIONS)
    named = source.identity
    monkeypatch.setattr(source, "identity", lambda index: named(index).upper())
    assert split_by_identity(source, OPTIONS) == before


def test_an_empty_split_is_an_error_that_names_the_mend(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"^validation=.*: none of the 1 pictures falls into "):
        build_shards(SyntheticSource(num_samples=1, size=32), tmp_path, OPTIONS)


@pytest.mark.parametrize("wrong", [{"validation": 0.7}, {"captions": ("long",)}, {"num_questions": -1}])
def test_wrong_options_are_errors(wrong: dict):
    with pytest.raises(ConfigError):
        BuildOptions(**wrong)


def test_samples_hold_captions_questions_and_where_they_come_from(built: Path):
    sample = ShardReader(built / "train")[0]
    assert sample.metadata.caption
    assert len(sample.metadata.captions) == 1
    assert len(sample.metadata.qa) == OPTIONS.num_questions
    assert sample.metadata.license == "CC0-1.0"
    assert sample.metadata.provenance["seed"] == SOURCE["seed"]
    assert sample.metadata.provenance["steps"] == ["collect", "caption", "ask"]


def test_a_style_that_is_listed_again_is_another_caption(built: Path, tmp_path: Path):
    styles = ("dense", "short", "dense", "short", "short")
    build_shards(SyntheticSource(**SOURCE), tmp_path, dataclasses.replace(OPTIONS, captions=styles))
    for more, sample in zip(ShardReader(tmp_path / "train"), ShardReader(built / "train"), strict=True):
        assert (more.metadata.caption, more.metadata.captions[0]) == (
            sample.metadata.caption,
            sample.metadata.captions[0],
        )
        assert len(set(more.metadata.captions)) == 4
        assert more.metadata.caption not in more.metadata.captions


def test_the_text_tokenizer_is_beside_the_shards_and_round_trips(built: Path):
    tokenizer = TextTokenizer(built)
    text = ShardReader(built / "train")[0].metadata.caption
    assert tokenizer.decode(tokenizer.encode([text])[0]) == text
    assert len(tokenizer.encode([text])[0]) < len(text) / 2


def test_captions_that_came_with_the_pictures_are_kept_and_train_the_tokenizer(tmp_path: Path):
    class Told(SyntheticSource):
        def items(self, indices):
            return [dataclasses.replace(item, captions=("A zebra crossing.",)) for item in super().items(indices)]

    options = dataclasses.replace(OPTIONS, captions=(), num_questions=0, validation=0)
    build_shards(Told(num_samples=6, size=32), tmp_path, options)
    sample = ShardReader(tmp_path / "train")[0]
    assert (sample.metadata.caption, sample.metadata.captions, sample.metadata.qa) == ("A zebra crossing.", (), ())
    assert len(TextTokenizer(tmp_path).encode(["A zebra crossing."])[0]) < 8
