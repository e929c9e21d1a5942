"""Parts that belong together: found, checked, and packed into one folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_release import TOKENIZER, make_run, saved

from unif2ace.errors import ConfigError, DataError
from unif2ace.inference.release import _moved_with, open_release, write_release


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path)


def test_a_run_names_its_components(run: Path):
    release = open_release(run)
    assert release.unified.kind == "unified"
    assert {kind: w.path.parent.name for kind, w in release.components.items()} == {
        "tokenizer": "tokenizer",
        "attributes": "attributes",
    }
    assert release.module["image_size"] == 32


def test_a_release_folder_holds_all_and_moves_freely(run: Path, tmp_path: Path):
    folder = write_release(open_release(run), tmp_path / "release", lambda stored: "# card\n")
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "attributes.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer.safetensors",
        "unified.safetensors",
    ]
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    for name in ("tokenizer", "attributes", "unified"):
        shutil.rmtree(tmp_path / name)
    release = open_release(moved)
    assert {w.path.parent for w in (release.unified, *release.components.values())} == {moved}
    halves = [v for v in release.unified.state.values() if v.is_floating_point()]
    assert {v.dtype.itemsize for v in halves} == {2}


def test_the_part_of_the_package_is_meant_where_a_folder_has_its_name(run: Path, tmp_path: Path):
    (tmp_path / "builtin").mkdir()
    assert _moved_with(run, Path("builtin")) == Path("builtin")
    assert _moved_with(run, Path("elsewhere/tokenizer")) == tmp_path / "tokenizer"


def test_another_tokenizer_is_refused_with_both_fingerprints(run: Path, tmp_path: Path):
    first = open_release(run).components["tokenizer"]
    other = saved(tmp_path / "tokenizer" / "weights.safetensors", "tokenizer", TOKENIZER | {"channels": [32, 64]})
    shown = [weights.component_fingerprint[:12] for weights in (first, other)]
    with pytest.raises(DataError, match=".*".join(shown)):
        open_release(run)


def test_a_component_that_moved_can_be_given(run: Path, tmp_path: Path):
    shutil.move(tmp_path / "tokenizer", tmp_path / "t")
    with pytest.raises(DataError, match=r"copy it to .*unified/tokenizer.safetensors"):
        open_release(run)
    assert open_release(run, {"tokenizer": tmp_path / "t"}).components["tokenizer"].path.parent.name == "t"


def test_what_is_missing_or_of_another_kind_is_named(run: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="'tokenizer'"):
        open_release(tmp_path / "tokenizer")
    (run / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="text tokenizer"):
        open_release(run)
