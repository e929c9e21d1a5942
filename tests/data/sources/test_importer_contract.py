"""What every importer does with the faults of real copies: names, encodings, quotes, missing pictures and columns."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
from layouts import CAPTIONS, LAYOUTS, QUESTIONS, Layout, save

from unif2ace.data.sources.base import report_of
from unif2ace.data.sources.hf_unif2ace import HfUnif2aceSource
from unif2ace.errors import DataError

NAMED = sorted(set(LAYOUTS) - {"mm_celeba_hq"})  # those with one table that writes the pictures' names


@pytest.fixture(params=sorted(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


@pytest.fixture(params=NAMED)
def named(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


def rewrite(path: Path, change) -> None:
    path.write_bytes(change(path.read_bytes()))


def contents(source) -> list:
    """What training reads of each sample, in the order of the sources' captions and labels."""
    items = source.items(range(len(source)))
    return [(source.key(n), i.captions, i.questions, i.record, i.license) for n, i in enumerate(items)]


def test_texts_are_kept_word_for_word_and_labels_are_filled(layout: Layout, tmp_path: Path):
    source = layout.read(layout.make(tmp_path))
    assert len(source) == 4
    assert len({source.key(n) for n in range(4)}) == 4
    assert report_of(source).lines
    items = source.items(range(4))
    for number, item in enumerate(items):
        if layout.captions:
            assert item.captions[0] == CAPTIONS[number]
        else:
            assert any(value is not None for value in item.record.values())
        if layout.questions:
            assert [(q.question, q.answer, q.kind) for q in item.questions] == [
                (*QUESTIONS[0], "yes_no"),
                (*QUESTIONS[1], "what"),
            ]
        assert item.license
        assert item.record == source.record(number)
        json.dumps(item.provenance)
    assert json.loads(json.dumps(source.describe())) == source.describe()
    assert contents(pickle.loads(pickle.dumps(source))) == contents(source)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        lambda data: data.decode().encode("utf-16"),
    ],
    ids=["byte order mark", "line ends of Windows", "UTF-16"],
)
def test_text_files_of_any_editor_are_read(layout: Layout, tmp_path: Path, change):
    before = contents(layout.read(layout.make(tmp_path)))
    rewrite(tmp_path / layout.table, change)
    assert contents(layout.read(tmp_path)) == before


def test_another_encoding_is_named_with_the_remedy(layout: Layout, tmp_path: Path):
    layout.make(tmp_path)
    rewrite(tmp_path / layout.table, lambda data: data.replace(b"i", b"\xe9"))
    try:
        message = "\n".join(fault.message for fault in report_of(layout.read(tmp_path)).faults)
    except DataError as error:
        message = str(error)
    assert "iconv -f WINDOWS-1252 -t UTF-8" in message
    assert Path(layout.table).name in message


def _upper(path: Path) -> None:
    path.rename(path.with_suffix(path.suffix.upper()))


def _png(path: Path) -> None:
    path.rename(path.with_suffix(".webp" if path.suffix == ".png" else ".png"))


@pytest.mark.parametrize("change", [_upper, _png], ids=["upper case", "another type"])
def test_suffixes_may_differ(layout: Layout, tmp_path: Path, change):
    before = contents(layout.read(layout.make(tmp_path)))
    for number in range(4):
        change(tmp_path / layout.pictures / layout.name(number))
    assert contents(layout.read(tmp_path)) == before


PREFIXES = {"absolute": "/home/someone/data/", "of Windows": "C:\\\\data\\\\", "relative": "./"}
WITH_FOLDERS = [
    (name, kind)
    for name in NAMED
    for kind in PREFIXES
    if name != "celebv_hq" and (name, kind) != ("celeba", "of Windows")  # rows of clips; a list split by blanks
]


@pytest.mark.parametrize(("name", "kind"), WITH_FOLDERS)
def test_names_with_folders_find_their_pictures(name: str, kind: str, tmp_path: Path):
    named, prefix = LAYOUTS[name], PREFIXES[kind]
    before = contents(named.read(named.make(tmp_path)))
    path = tmp_path / named.table
    text = path.read_text()
    written = prefix if path.suffix == ".json" else prefix.replace("\\\\", "\\")
    ends = ".png" if named is LAYOUTS["ffhq"] else ""  # whose features are by number
    for own in (named.name(number).removesuffix(ends) for number in range(4)):
        text = re.sub(rf"(?<![\w/]){re.escape(own)}", (written + own).replace("\\", "\\\\"), text)
    path.write_text(text)
    assert contents(named.read(tmp_path)) == before


def test_a_missing_picture_is_named_and_the_others_are_used(layout: Layout, tmp_path: Path):
    layout.make(tmp_path)
    (tmp_path / layout.pictures / layout.name(2)).unlink()
    source = layout.read(tmp_path)
    assert len(source) == 3
    report = report_of(source)
    assert Path(layout.name(2)).stem in "\n".join([*report.lines, *(f.message for f in report.faults)]) or (
        layout is LAYOUTS["ffhq"] and any("not in the folder" in line for line in report.lines)
    )


def test_without_any_picture_the_error_says_where_they_were_sought(layout: Layout, tmp_path: Path):
    layout.make(tmp_path)
    for number in range(4):
        (tmp_path / layout.pictures / layout.name(number)).unlink()
    with pytest.raises(DataError, match=re.escape(str(tmp_path))):
        layout.read(tmp_path)
    if layout is LAYOUTS["ffhq"]:
        return  # every picture of it is one of the data set
    save(tmp_path / layout.pictures / "another.jpg", 0, layout.size)
    with pytest.raises(DataError):
        layout.read(tmp_path)


@pytest.mark.parametrize("name", [name for name in NAMED if LAYOUTS[name].column[0]])
def test_a_column_of_another_name_is_told_with_the_setting(name: str, tmp_path: Path):
    layout = LAYOUTS[name]
    layout.make(tmp_path)
    column, setting = layout.column
    rewrite(tmp_path / layout.table, lambda data: data.replace(column.encode(), f"the_{column}".encode()))
    with pytest.raises(DataError, match=rf"{column}.*source\.{setting}"):
        layout.read(tmp_path)


@pytest.mark.parametrize("name", [name for name in NAMED if name not in ("celebv_hq", "celeba")])  # have no folders
def test_a_name_of_two_pictures_is_no_choice_by_chance(name: str, tmp_path: Path):
    layout = LAYOUTS[name]
    layout.make(tmp_path)
    original = tmp_path / layout.pictures / layout.name(1)
    for folder in ("a", "b"):
        save(tmp_path / layout.pictures / folder / layout.name(1), 1, layout.size)
    original.unlink()
    source = layout.read(tmp_path)
    messages = "\n".join(fault.message for fault in report_of(source).faults)
    assert f"a/{layout.name(1)}" in messages
    assert f"b/{layout.name(1)}" in messages
    assert len(source) >= 3


def test_a_damaged_picture_is_a_fault_that_names_its_file(layout: Layout, tmp_path: Path):
    layout.make(tmp_path)
    path = tmp_path / layout.pictures / layout.name(0)
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=re.escape(path.name)):
        layout.read(tmp_path).items([0])


def test_equal_names_of_two_data_sets_are_told_apart(tmp_path: Path):
    for number, folder in enumerate(("ffhq", "mm_celeba_hq")):
        save(tmp_path / folder / "00001.jpg", number)
    rows = ["image,caption", "ffhq/00001.jpg,One.", "MM-CelebA-HQ/1.jpg,Two.", "celebv/1.jpg,Three."]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    images = {name: str(tmp_path / name) for name in ("ffhq", "mm_celeba_hq")}
    source = HfUnif2aceSource(path=str(tmp_path / "t.csv"), images=images)
    assert [i.captions for i in source.items(range(2))] == [("One.",), ("Two.",)]
    assert [i.license for i in source.items(range(2))] == ["CC-BY-NC-SA-4.0", source.items([1])[0].license]
    assert "celebv/1.jpg" in source.report().faults[0].message
