"""Parquet files and data sets of `datasets`: pictures inside or beside the table, and columns of any name."""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path

import pytest
from layouts import CAPTIONS, QUESTIONS, save
from PIL import Image

from unif2ace.data.sources.parquet import ParquetSource
from unif2ace.errors import ConfigError, DataError

WHY = "needs the extra parquet: `make test-extras` runs this"


def png(number: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (32, 32), (40 * number, 90, 9)).save(data, "PNG")
    return data.getvalue()


def rows(number: int = 5) -> list[dict]:
    questions = [{"question": q, "answer": a} for q, a in QUESTIONS]
    attributes = {"smile": True, "hair_colour": "black", "hat": None}
    same = {"qa": questions, "tags": attributes, "terms": "CC0-1.0"}
    return [{"text": CAPTIONS[n], "who": n // 2, **same} for n in range(number)]


COLUMNS = {
    "caption_column": "text",
    "questions_column": "qa",
    "attributes_column": "tags",
    "identity_column": "who",
    "license_column": "terms",
}


def write(path: Path, tree: list[dict], **options) -> None:
    arrow = pytest.importorskip("pyarrow", reason=WHY)
    from pyarrow import parquet

    parquet.write_table(arrow.Table.from_pylist(tree), path, **options)


@pytest.mark.parametrize("kind", ["struct", "binary", "names"])
def test_pictures_lie_inside_the_table_or_beside_it(kind: str, tmp_path: Path):
    tree = rows()
    for number, row in enumerate(tree):
        if kind == "names":
            save(tmp_path / "pictures" / f"{number}.png", number)
        inside = {"bytes": png(number), "path": f"{number}.png"}
        row["image"] = {"struct": inside, "binary": png(number), "names": f"{number}.jpg"}[kind]
    write(tmp_path / "t.parquet", tree, row_group_size=2)
    source = ParquetSource(path=str(tmp_path), **COLUMNS)
    again = pickle.loads(pickle.dumps(source))
    for number, item in enumerate(again.items(range(5))):
        assert item.captions == (CAPTIONS[number],)
        assert [(q.question, q.answer) for q in item.questions] == QUESTIONS
        assert item.record["hair_colour"] == "black"
        assert item.record["hat"] is None
        assert source.identity(number) == str(number // 2)
        if kind != "names":
            assert item.image.data == png(number)
    assert again.describe() == source.describe()


def test_a_row_without_bytes_and_a_missing_column_are_told(tmp_path: Path):
    tree = [{**row, "image": {"bytes": png(n) if n else None, "path": "x.png"}} for n, row in enumerate(rows(3))]
    write(tmp_path / "t.parquet", tree)
    source = ParquetSource(path=str(tmp_path / "t.parquet"), **COLUMNS)
    assert len({source.key(n) for n in range(3)}) == 3
    with pytest.raises(DataError, match=r"t.parquet, row 1: the row holds no picture; set source.images"):
        source.items([0])
    with pytest.raises(DataError, match=r"no column 'txt'; set source.caption_column to one of .*did you mean 'text'"):
        ParquetSource(path=str(tmp_path), **{**COLUMNS, "caption_column": "txt"})
    with pytest.raises(DataError, match=r"no column of captions, questions or labels was found; set .*text"):
        ParquetSource(path=str(tmp_path))


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path):
    pytest.importorskip("pyarrow", reason=WHY)
    (tmp_path / "t.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"t.parquet is not a readable parquet file"):
        ParquetSource(path=str(tmp_path))


def test_a_folder_of_datasets_is_read(tmp_path: Path):
    datasets = pytest.importorskip("datasets", reason=WHY)
    tree = [{**row, "image": {"bytes": png(n), "path": None}} for n, row in enumerate(rows(3))]
    made = datasets.Dataset.from_list(tree).cast_column("image", datasets.Image())
    datasets.DatasetDict({"train": made, "test": made}).save_to_disk(tmp_path / "set")
    with pytest.raises(ConfigError, match=r"source.split=null: .* has the splits train, test"):
        ParquetSource(path=str(tmp_path / "set"), **COLUMNS)
    source = pickle.loads(pickle.dumps(ParquetSource(path=str(tmp_path / "set"), split="train", **COLUMNS)))
    assert [item.image.data for item in source.items(range(3))] == [png(n) for n in range(3)]
    assert source.items([2])[0].captions == (CAPTIONS[2],)


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").touch()
    with pytest.raises(ConfigError, match=r"pip install pyarrow, or install unif2ace\[parquet\]"):
        ParquetSource(path=str(tmp_path))
