"""A folder of pictures with a table: what is kept, what is cut, and which mistakes are named where."""

import io
import json
import os
import pickle

import numpy as np
import pytest
from PIL import Image

from unif2ace.attributes import AttributeRecord
from unif2ace.data.sources.base import EncodedImage
from unif2ace.data.sources.folder import FolderSource
from unif2ace.errors import ConfigError, DataError


def save(path, size=(32, 32), colour=(200, 150, 120), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "portraits"
    save(root / "b.png")
    save(root / "a.jpg")
    save(root / "more" / "C d.webp")
    return root


def source(folder, **options):
    return FolderSource(path=str(folder), license="CC0-1.0", **options)


def table(folder, text, name="metadata.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_pictures_come_sorted_with_keys_that_shards_can_hold(folder):
    pictures = source(folder)
    assert len(pictures) == 3
    assert [pictures.key(i) for i in range(3)] == ["folder-a", "folder-b", "folder-more-c-d"]
    assert [item.provenance["file"] for item in pictures.items([2, 0])] == ["more/C d.webp", "a.jpg"]
    assert pictures.unlabelled == 3
    assert pictures.record(0) == AttributeRecord()


def test_keys_stay_unique_and_do_not_depend_on_other_pictures(tmp_path):
    names = ["x.jpg", "X.png", "Ü.jpg", "ö.jpg", "a" * 120 + ".jpg", "a" * 120 + "b.jpg"]
    for name in names:
        save(tmp_path / name)
    pictures = source(tmp_path)
    keys = {pictures.items([i])[0].provenance["file"]: pictures.key(i) for i in range(len(names))}
    assert len(set(keys.values())) == len(names)
    assert all(len(key) <= 80 and key.isascii() and key == key.lower() for key in keys.values())
    save(tmp_path / "0.jpg")
    more = source(tmp_path)
    again = {more.items([i])[0].provenance["file"]: more.key(i) for i in range(len(more))}
    assert {name: again[name] for name in names} == keys


def test_a_square_file_is_kept_to_the_byte(folder):
    [item] = source(folder).items([0])
    assert item.image == EncodedImage((folder / "a.jpg").read_bytes(), "jpg")
    assert source(folder, size=32).items([0])[0].image == item.image


def test_the_type_of_a_file_is_read_from_its_bytes(tmp_path):
    save(tmp_path / "wrong.jpg", format="PNG")
    assert source(tmp_path).items([0])[0].image.extension == "png"


def test_other_pictures_lose_their_margins_evenly(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    image = source(tmp_path).items([0])[0].image
    assert image.shape == (20, 20, 3)
    assert (image == 255).all()
    assert source(tmp_path, size=16).items([0])[0].image.shape == (16, 16, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_tags_are_obeyed(tmp_path, orientation):
    rng = np.random.default_rng(0)
    upright = Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8))
    # What the camera stores is the inverse of what the tag asks the viewer to do.
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.rotate(180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.rotate(90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.rotate(-90),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "p.png", exif=exif)
    image = source(tmp_path).items([0])[0].image
    pixels = np.asarray(Image.open(io.BytesIO(image.data))) if isinstance(image, EncodedImage) else image
    assert isinstance(image, EncodedImage) == (orientation == 1)
    assert (pixels == np.asarray(upright)).all()


def test_rows_become_records_identities_and_captions(folder):
    rows = """file,hair_colour,smile,black_hair,person,text
a.jpg,Red,yes,,anna,A face.
more/C d.webp,,-1,0,,"Hair, dark."
"""
    pictures = source(table(folder, rows), identity_column="person", caption_column="text")
    assert pictures.record(0) == AttributeRecord(hair_colour="red", smile=True)
    assert pictures.record(1) == AttributeRecord()
    assert pictures.record(2) == AttributeRecord(smile=False, black_hair=False)
    assert pictures.unlabelled == 1
    assert pictures.identity(0) == "folder-person-anna"
    assert [pictures.identity(i) for i in (1, 2)] == [pictures.key(i) for i in (1, 2)]
    assert [item.captions for item in pictures.items(range(3))] == [("A face.",), (), ("Hair, dark.",)]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *[(cell, True) for cell in ("true", "YES", "1", "1.0")],
        *[(cell, False) for cell in ("false", "No", "0", "-1", "-1.0")],
        *[(cell, None) for cell in ("", " ", "null", "NaN")],
    ],
)
def test_cells_are_read_as_people_write_them(folder, cell, value):
    assert source(table(folder, f"file,smile\na.jpg,{cell}\n")).record(0)["smile"] is value


def test_jsonl_holds_typed_values_and_lists_of_captions(folder):
    rows = [
        {"file": "a.jpg", "smile": False, "text": ["One.", "Two."]},
        {"file": "b.png", "age": "young", "text": None},
    ]
    table(folder, "\n".join(map(json.dumps, rows)), "metadata.jsonl")
    pictures = source(folder, caption_column="text")
    assert pictures.record(0) == AttributeRecord(smile=False)
    assert pictures.record(1) == AttributeRecord(age="young")
    assert [item.captions for item in pictures.items([0, 1])] == [("One.", "Two."), ()]


def test_names_of_a_data_set_are_mapped_and_gaps_are_not_guessed(folder):
    pictures = source(table(folder, "file,Male,Black_Hair,Chubby\na.jpg,1,-1,1\nb.png,,1,\n"), mapping="celeba")
    assert pictures.record(0) == AttributeRecord(gender="man", black_hair=False)
    assert pictures.record(1) == AttributeRecord(hair_colour="black")


def test_columns_may_be_declared_to_be_no_attributes(folder):
    table(folder, "file,photographer,smile\na.jpg,Jo,1\n")
    assert source(folder, ignore=["photographer"]).record(0) == AttributeRecord(smile=True)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("file,smlie\na.jpg,1\n", {}, r"column 'smlie' .*source.ignore=\[smlie\].*'smile'"),
        ("file,Mal\na.jpg,1\n", {"mapping": "celeba"}, "'Male'"),
        ("file,smile\na.jpg,1\nb.png,maybe\n", {}, r"metadata.csv:3, column 'smile': 'maybe'"),
        ("file,hair_colour\na.jpg,blackk\n", {}, r"metadata.csv:2, column 'hair_colour'.*'black'"),
        ("file,smile\na.jgp,1\n", {}, r"metadata.csv:2: no picture 'a.jgp'.*'a.jpg'"),
        ("file,smile\na.jpg,1\na.jpg,0\n", {}, r"metadata.csv:3: 'a.jpg' already has a row, metadata.csv:2"),
        ("file,smile\na.jpg,1,0\n", {}, r"metadata.csv:2: the row has 3 cells"),
        ("file,hair_colour,black_hair\na.jpg,blond,1\n", {}, r"metadata.csv:2: .*contradicts"),
        ("file,smile,smile\na.jpg,1,0\n", {}, "two columns are named 'smile'"),
        ("file_name,smile\na.jpg,1\n", {}, "no column 'file'.*image_column to one of file_name"),
        ("file,smile\na.jpg,1\n", {"caption_column": "text"}, "no column 'text'.*caption_column"),
        ("file,smile\n", {}, "no rows"),
        (",file,smile\n0,a.jpg,1\n", {}, r"metadata.csv:1: column 1 of 3 has no name: .*index=False"),
        ('file,smile\na.jpg,"1\n', {}, r"metadata.csv:2: "),
    ],
)  # fmt: skip
def test_mistakes_in_a_table_are_named_with_file_line_and_column(folder, rows, options, message):
    with pytest.raises(DataError, match=message):
        source(table(folder, rows), **options)


def test_a_table_that_is_not_utf8_or_not_there_is_an_error(folder):
    (folder / "labels.csv").write_bytes("file,smile\nä.jpg,1\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        source(folder, table="labels.csv")
    with pytest.raises(DataError, match=r"'labels\.csv'"):
        source(folder, table="label.csv")
    with pytest.raises(DataError, match="'person'"):
        source(folder, identity_column="person")


def test_a_wrong_path_says_where_it_ends_and_what_is_there(folder):
    with pytest.raises(DataError, match=r"no folder 'portrait' .did you mean 'portraits'"):
        source(folder.parent / "portrait" / "x")
    with pytest.raises(DataError, match="is a file"):
        source(folder / "a.jpg")
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("none")
    with pytest.raises(DataError, match=r"no pictures .*notes.txt"):
        source(folder / "empty")


def test_hidden_files_are_no_pictures(folder):
    save(folder / "._a.jpg")
    save(folder / ".cache" / "x.png")
    assert len(source(folder)) == 3


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff\xe0broken"])
def test_a_broken_picture_is_named(folder, data):
    (folder / "a.jpg").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.jpg"):
        source(folder).items([0])


def test_a_torn_picture_is_not_passed_on(folder):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(folder / "b.png")
    data = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"b\.png"):
        source(folder).items([1])


def test_settings_out_of_range_are_errors(folder):
    with pytest.raises(ConfigError, match="size=4"):
        source(folder, size=4)
    with pytest.raises(ConfigError, match="license"):
        FolderSource(path=str(folder), license=" ")
    with pytest.raises(ConfigError, match=r"source\.name='My photos'"):
        source(folder, name="My photos")


def test_the_description_changes_with_the_content_and_not_with_the_place(folder, tmp_path):
    table(folder, "file,smile\na.jpg,1\n")
    before = source(folder).describe()
    assert json.loads(json.dumps(before)) == before
    os.rename(folder, tmp_path / "moved")
    assert source(tmp_path / "moved").describe() == before
    table(tmp_path / "moved", "file,smile\na.jpg,0\n")
    assert source(tmp_path / "moved").describe() != before


def test_it_travels_to_other_processes(folder):
    pictures = source(folder)
    copy = pickle.loads(pickle.dumps(pictures))
    assert copy.items([0]) == pictures.items([0])


def test_persons_have_one_name_and_missing_ones_are_counted(folder):
    rows = [("a.jpg", 0), ("b.png", 0.0), ("more/C d.webp", "nan")]
    table(folder, "\n".join(json.dumps({"file": f, "who": w}) for f, w in rows), "metadata.jsonl")
    pictures = source(folder, identity_column="who")
    assert [pictures.identity(i) for i in range(3)] == ["folder-person-0", "folder-person-0", pictures.key(2)]
    assert any("(cells: 1 'nan')" in line for line in pictures.report().lines)


def test_a_caption_that_is_no_text_is_a_fault_of_its_picture(folder):
    table(folder, json.dumps({"file": "a.jpg", "text": {"en": "A face."}}), "metadata.jsonl")
    with pytest.raises(DataError, match=r"metadata.jsonl:1, column 'text': .* is not a caption"):
        source(folder, caption_column="text").items([0])


def test_the_report_says_what_is_read_and_what_is_not(folder):
    for suffix in ("bmp", "tif", "gif"):
        save(folder / f"x.{suffix}")
    save(folder / "y.jfif", format="JPEG")
    (folder / "notes.pdf").write_text("")
    table(folder, "file,smile\na.jpg,1\n", "labels.csv")
    table(folder / "more", "file,smile\nC d.webp,1\n")
    pictures = source(folder)
    lines = "\n".join(pictures.report().lines)
    assert len(pictures) == 7
    assert "not read: 2 .csv, 1 .pdf" in lines
    assert "labels.csv, more/metadata.csv, not read: set source.table=labels.csv" in lines
    assert source(folder, table="labels.csv").record(0)["smile"] is True
    beside = source(folder, table="more/metadata.csv")  # names relative to the table
    assert [beside.record(i)["smile"] for i in range(7)].count(True) == 1
    assert "tables not read: labels.csv" in "\n".join(beside.report().lines)


def test_rows_without_a_picture_are_faults_and_the_rest_is_used(folder):
    pictures = source(table(folder, "file,smile\na.jpg,1\ngone.jpg,1\n,1\n"))
    assert pictures.record(0)["smile"] is True
    assert [fault.cause for fault in pictures.report().faults] == ["missing", "missing"]


def test_names_are_compared_without_regard_to_their_unicode_form(tmp_path):
    save(tmp_path / "Zoe\u0308.png")
    pictures = source(table(tmp_path, "file;smile\nZo\u00eb.png;1\n"))
    assert pictures.record(0)["smile"] is True


def test_words_of_ones_own_are_mapped(folder):
    (folder / "own.yaml").write_text("sex: {gender: {male: man, female: woman}}\nphotographer:")
    table(folder, "file\tsex\tphotographer\na.jpg\tMale\tJo\nb.png\tn/a\t\n")
    pictures = source(folder, mapping=str(folder / "own.yaml"))
    assert [pictures.record(i)["gender"] for i in (0, 1)] == ["man", None]
    before = pictures.describe()
    (folder / "own.yaml").write_text("sex: {gender: {male: woman, female: man}}\nphotographer:")
    assert source(folder, mapping=str(folder / "own.yaml")).describe() != before
    table(folder, "file,gender\na.jpg,male\n")
    with pytest.raises(DataError, match=r"'male' is not one of woman, man.*source.mapping"):
        source(folder)


def test_a_value_that_is_given_twice_is_an_error(folder):
    table(folder, '{"file": "a.jpg", "smile": true, "smile": false}\n', "metadata.jsonl")
    with pytest.raises(DataError, match=r"metadata.jsonl:1: .*the key 'smile' occurs twice"):
        source(folder)


def test_a_column_to_ignore_must_exist(folder):
    with pytest.raises(DataError, match=r"no column 'smlie'; set source.ignore .*did you mean 'smile'"):
        source(table(folder, "file,smile\na.jpg,1\n"), ignore=["smlie"])
