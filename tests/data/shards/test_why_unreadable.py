"""What is said of a folder that cannot be read as shards: a remedy that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.shards import Rules, build_index
from unif2ace.data.shards.index import load_index
from unif2ace.data.shards.statistics import collect_statistics
from unif2ace.data.shards.validate import validate
from unif2ace.errors import DataError


def _open(folder: Path) -> None:
    ShardDataset(folder).open("train", Rules())


@pytest.mark.parametrize(
    "read", [load_index, collect_statistics, validate, _open, lambda f: build_index(f, strict=True)]
)
def test_a_mistyped_folder(tmp_path: Path, read):
    (tmp_path / "faces").mkdir()
    with pytest.raises(DataError, match=r"the folder .*facez does not exist; .*did you mean 'faces'\?"):
        read(tmp_path / "facez")


@pytest.mark.parametrize("read", [load_index, collect_statistics, lambda f: build_index(f, strict=True)])
def test_a_folder_of_splits_names_them(tmp_path: Path, read):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "shard-000000.tar").write_bytes(b"")
    with pytest.raises(
        DataError, match=rf"subfolders train, val do: index each, such as: unif2ace-data index {tmp_path}/train$"
    ):
        read(tmp_path)
    for split in ("train", "val"):
        (tmp_path / split / "index.json").write_text("{}")
    with pytest.raises(DataError, match=rf"subfolders train, val do: give one, such as {tmp_path}/train$"):
        read(tmp_path)
