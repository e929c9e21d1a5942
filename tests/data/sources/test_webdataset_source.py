"""Foreign and own tar shards: labels mapped, faulty samples left out and counted, pictures read by their offsets."""

import io
import json
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.data.shards import Metadata, Sample, ShardWriter, encode_jpeg
from unif2ace.data.sources.base import EncodedImage
from unif2ace.data.sources.webdataset import WebDatasetSource
from unif2ace.errors import DataError
from unif2ace.language.question import Question

TERMS = "research only"


def picture(shade=100, size=(32, 32), kind="JPEG"):
    file = io.BytesIO()
    Image.new("RGB", size, (shade, 80, 60)).save(file, kind)
    return file.getvalue()


def told(**more):
    return json.dumps({"license": TERMS, "identity": "anna", "attributes": ["Male", "Smiling"], **more}).encode()


def write(path, files):
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def source(folder, **options):
    return WebDatasetSource(path=str(folder), **options)


def test_every_sample_of_all_shards_is_read(tmp_path):
    first = {"a.jpg": picture(1), "a.json": told(), "b.json": told(identity="ben"), "b.png": picture(2, kind="PNG")}
    write(tmp_path / "x-0.tar", first)
    write(tmp_path / "x-1.tar", {"c.webp": picture(3, kind="WEBP"), "c.json": told(attributes=[])})
    faces = source(tmp_path)
    assert [faces.key(i) for i in range(len(faces))] == ["a", "b", "c"]
    assert [faces.identity(i) for i in range(3)] == ["anna", "ben", "anna"]
    assert [faces.record(i) for i in (0, 2)] == [
        AttributeMapping("celeba").of_positive(p) for p in (["Male", "Smiling"], [])
    ]
    items = faces.items([1, 0])
    assert [item.image for item in items] == [EncodedImage(first["b.png"], "png"), EncodedImage(first["a.jpg"], "jpg")]
    assert {item.license for item in items} == {TERMS}
    assert not faces.skipped


@pytest.mark.parametrize(
    ("labels", "options", "record"),
    [
        ({"Male": 1, "Smiling": -1, "Bald": None}, {}, AttributeRecord(gender="man", smile=False, laugh=False)),
        ({"hair_colour": "red", "smile": True}, {"mapping": None}, AttributeRecord(hair_colour="red", smile=True)),
        (["smile", "beard"], {"mapping": None}, AttributeRecord(smile=True, beard=True)),
        (["smile", "nod"], {"mapping": "celebv_hq"}, AttributeMapping("celebv_hq").of_positive(["smile"])),
    ],
)
def test_labels_are_a_list_or_an_object(tmp_path, labels, options, record):
    write(tmp_path / "x.tar", {"a.jpg": picture(), "a.json": told(attributes=labels)})
    assert source(tmp_path, **options).record(0) == record


def test_a_sample_without_labels_says_nothing(tmp_path):
    bare = json.dumps({"license": TERMS}).encode()
    write(tmp_path / "x.tar", {"a.jpg": picture(), "a.json": bare, "b.jpg": picture(), "b.json": told()})
    faces = source(tmp_path)
    assert faces.record(0) == AttributeRecord()
    assert faces.identity(0) == "webdataset-a"
    assert source(tmp_path, attributes_key=None).record(1) == AttributeRecord()


def test_what_the_cut_does_not_show_is_null(tmp_path):
    write(tmp_path / "x.tar", {"a.jpg": picture(), "a.json": told(attributes=["Wearing_Necklace"])})
    assert source(tmp_path).record(0)["necklace"] is True
    hidden = source(tmp_path, hide=["necklace"])
    assert hidden.record(0) == hidden.items([0])[0].record == source(tmp_path).record(0).hide("necklace")
    with pytest.raises(DataError, match="did you mean 'necklace'"):
        source(tmp_path, hide=["necklaces"])


def test_samples_of_our_own_format_are_taken_as_they_are(tmp_path):
    metadata = Metadata(
        source="studio",
        license="CC0-1.0",
        caption="A man.",
        captions=("He smiles.",),
        attributes=AttributeRecord(gender="man", black_hair=False),
        provenance={"seed": 3},
        identity="p1",
        qa=(Question("Is he smiling?", "Yes.", "yes_no", "smile"),),
    )
    with ShardWriter(tmp_path / "own") as writer:
        writer.write(Sample("k1", encode_jpeg(np.full((32, 32, 3), 90, np.uint8)), "jpg", metadata))
    faces = source(tmp_path / "own")
    [item] = faces.items([0])
    assert faces.record(0) == metadata.record
    assert faces.identity(0) == "p1"
    assert item.captions == ("A man.", "He smiles.")
    assert item.questions == metadata.qa
    assert item.license == "CC0-1.0"
    assert item.provenance["seed"] == 3


def test_faulty_samples_are_left_out_counted_and_reported(tmp_path):
    files = {
        "good.jpg": picture(), "good.json": told(),
        "lonely.jpg": picture(),
        "text.json": told(), "text.txt": b"no picture",
        "page.jpg": b"<html>404</html>", "page.json": told(),
        "broken.jpg": picture(), "broken.json": b"{",
        "list.jpg": picture(), "list.json": b"[1]",
        "label.jpg": picture(), "label.json": told(attributes=["Malle"]),
        "value.jpg": picture(), "value.json": told(attributes={"Male": "perhaps"}),
        "terms.jpg": picture(), "terms.json": json.dumps({"attributes": []}).encode(),
        "good.txt": b"apart from its sample",
    }  # fmt: skip
    write(tmp_path / "x.tar", files)
    (tmp_path / "y.tar").write_bytes(b"no tar at all" * 100)
    faces = source(tmp_path)
    assert [faces.key(i) for i in range(len(faces))] == ["good"]
    assert faces.skipped == {"missing": 3, "image": 1, "json": 1, "schema": 3, "order": 1, "shard": 1}
    faults = [str(fault) for fault in faces.report().faults]
    assert len(faults) == 10
    assert any("x.tar, sample page" in line for line in faults)
    assert any("y.tar" in line for line in faults)
    assert "not read: 2 .txt" in faces.report().lines
    assert source(tmp_path, license="mine").items([len(faces)])[0].license == "mine"


def test_a_folder_without_a_sound_sample_is_an_error_with_the_causes(tmp_path):
    write(tmp_path / "x.tar", {"a.jpg": picture(), "a.json": json.dumps({"attributes": []}).encode()})
    with pytest.raises(DataError, match=r"every sample in 1 shards is faulty(.|\n)*source.license"):
        source(tmp_path)


def test_wrong_settings_are_errors(tmp_path):
    write(tmp_path / "x.tar", {"a.jpg": picture(), "a.json": told()})
    with pytest.raises(DataError, match=r"no sample has a JSON entry 'attribute'; .*did you mean 'attributes'"):
        source(tmp_path, attributes_key="attribute")
    with pytest.raises(DataError, match=r"source.identity_key: .*'identiti'; .*did you mean 'identity'"):
        source(tmp_path, identity_key="identiti")
    with pytest.raises(
        DataError, match=r"source.caption_key: no sample has a JSON entry 'text'; set it to one of license, "
    ):
        source(tmp_path, caption_key="text")
    with pytest.raises(DataError, match="did you mean 'celeba'"):
        source(tmp_path, mapping="celeb")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no shards \(\*.tar\)"):
        source(tmp_path / "empty")


def test_foreign_keys_become_unique_keys_of_ours(tmp_path):
    write(
        tmp_path / "x-0.tar",
        {"0/A b.jpg": picture(1), "0/A b.json": told(), "same.jpg": picture(2), "same.json": told()},
    )
    write(
        tmp_path / "x-1.tar",
        {"0/a-b.jpg": picture(3), "0/a-b.json": told(), "same.jpg": picture(4), "same.json": told()},
    )
    faces = source(tmp_path)
    keys = [faces.key(i) for i in range(len(faces))]
    assert len(set(keys)) == 4
    assert all(set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for key in keys)
    shades = [np.asarray(Image.open(io.BytesIO(item.image.data)))[0, 0, 0] for item in faces.items(range(4))]
    np.testing.assert_allclose(shades, [1, 2, 3, 4], atol=2)


def test_pictures_are_cut_and_resized_where_asked(tmp_path):
    write(tmp_path / "x.tar", {"a.jpg": picture(size=(60, 40)), "a.json": told(text=["One.", ""])})
    [item] = source(tmp_path, size=24, caption_key="text").items([0])
    assert item.image.shape == (24, 24, 3)
    assert item.captions == ("One.",)


def test_a_torn_picture_is_named_with_shard_and_key(tmp_path):
    write(tmp_path / "x.tar", {"a.jpg": picture()[:60], "a.json": told()})
    with pytest.raises(DataError, match=r"x.tar, sample a: "):
        source(tmp_path).items([0])


def test_it_travels_to_other_processes_and_describes_itself(tmp_path):
    write(tmp_path / "x.tar", {"a.jpg": picture(), "a.json": told()})
    faces = source(tmp_path)
    assert pickle.loads(pickle.dumps(faces)).items([0]) == faces.items([0])
    before = faces.describe()
    assert json.loads(json.dumps(before)) == before == source(tmp_path).describe()
    write(tmp_path / "x.tar", {"a.jpg": picture(), "a.json": told(attributes=[])})
    assert source(tmp_path).describe() != before


def test_a_person_has_one_name_and_missing_ones_are_nobody(tmp_path):
    people = [0, 0.0, "0", None, "None", "nan", "N/A", "", float("nan")]
    files = {}
    for number, person in enumerate(people):
        files |= {f"k{number}.jpg": picture(number), f"k{number}.json": told(identity=person)}
    write(tmp_path / "x.tar", files)
    faces = source(tmp_path)
    assert [faces.identity(i) for i in range(len(faces))] == ["0"] * 3 + [f"webdataset-k{i}" for i in range(3, 9)]
    assert any(line.startswith("persons: 3 of 9 samples") for line in faces.report().lines)


@pytest.mark.parametrize("caption", [{"en": "A face."}, 7, ["A face.", 3]])
def test_a_caption_that_is_no_text_is_a_fault(tmp_path, caption):
    write(
        tmp_path / "x.tar",
        {"a.jpg": picture(), "a.json": told(text=caption), "b.jpg": picture(), "b.json": told(text="A face.")},
    )
    faces = source(tmp_path, caption_key="text")
    assert [faces.key(i) for i in range(len(faces))] == ["b"]
    assert "is not a caption" in str(faces.report().faults[0])


def test_pictures_of_other_types_are_read_from_tars(tmp_path):
    write(tmp_path / "x.tar", {"a.bmp": picture(kind="BMP"), "a.json": told(), "a.nfo": b""})
    faces = source(tmp_path)
    assert faces.items([0])[0].image.shape == (32, 32, 3)
    assert "not read: 1 .nfo" in faces.report().lines


def test_questions_of_another_project_are_kept_word_for_word(tmp_path):
    asked = [{"question": "Why?", "answer": "Because."}, ["Is it?", "No, it is not."]]
    files = {"a.jpg": picture(), "a.json": told(talk=asked), "b.jpg": picture(), "b.json": told(talk=[["?"]])}
    write(tmp_path / "x.tar", files)
    faces = source(tmp_path, questions_key="talk")
    assert faces.items([0])[0].questions == (
        Question("Why?", "Because.", "what", None),
        Question("Is it?", "No, it is not.", "yes_no", None),
    )
    assert "entry 'talk'" in faces.report().faults[0].message
    assert "questions: 1 of 1 samples have them, by entry 'talk' (source.questions_key)" in faces.report().lines
    with pytest.raises(DataError, match=r"no sample has a JSON entry 'talks'; .*did you mean 'talk'"):
        source(tmp_path, questions_key="talks")
