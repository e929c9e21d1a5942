from __future__ import annotations

import dataclasses
import os
import tarfile

import numpy as np
import pytest

from unif2ace.data.shards import SampleFault, ShardReader, build_index, load_index
from unif2ace.data.shards.indexing import write_index
from unif2ace.data.shards.shard_layout import split_name
from unif2ace.data.shards.tar import scan_tar
from unif2ace.errors import DataError

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
SHORT, PATH, LONG = ["a.jpg", "ü.jpg"], ["b.txt", "d/" * 60 + "b.txt"], ["x" * 150 + ".jpg", "b.json"]


@pytest.fixture
def pair(jpeg, text):
    return lambda key: [(f"{key}.jpg", jpeg), (f"{key}.json", text)]


@pytest.mark.parametrize(
    ("names", "tar_format"),
    [*((names, f) for names in (SHORT, PATH) for f in FORMATS), *((LONG, f) for f in FORMATS[1:])],
)
def test_the_scan_agrees_with_tarfile(write_tar, names, tar_format):
    path = write_tar([(name, bytes(n + 600)) for n, name in enumerate(names)], tar_format=tar_format)
    with tarfile.open(path) as tar:
        wanted = [(m.name, m.offset_data, m.size) for m in tar]
    assert [tuple(m) for m in scan_tar(path)] == wanted


@pytest.mark.parametrize("tar_format", FORMATS)
def test_a_tar_cut_anywhere_is_called_torn(write_tar, pair, tar_format):
    name = "x" * 120 if tar_format != tarfile.USTAR_FORMAT else "a"
    path = write_tar([*pair(name), *pair("b")], tar_format=tar_format)
    whole = path.read_bytes()
    end = scan_tar(path)[-1]
    end_of_data = end.offset + -(-end.length // 512) * 512
    for size in (1, 300, 512, 700, 1024, end_of_data // 2 // 512 * 512, end.offset, end_of_data - 1, end_of_data):
        path.write_bytes(whole[:size])
        with pytest.raises(SampleFault) as caught:
            scan_tar(path)
        assert caught.value.cause == "shard"
        assert caught.value.shard == "a.tar"


def test_a_damaged_header_is_noticed_by_its_checksum(write_tar, pair):
    path = write_tar([*pair("a"), *pair("b")])
    whole = path.read_bytes()
    second = scan_tar(path)[1].offset - 512
    for at in (0, 1, 100, 130, second, second + 125, second + 500):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(SampleFault, match="no tar header at byte"):
            scan_tar(path)


def test_a_torn_file_is_named(write_tar, pair):
    path = write_tar(pair("a"))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(SampleFault, match=r"'a\.jpg' ends beyond"):
        scan_tar(path)


def test_garbage_and_nothing_are_no_tars(write_tar):
    path = write_tar([])
    for data in (b"", os.urandom(20_480), b"x" * 5000):
        path.write_bytes(data)
        with pytest.raises(SampleFault):
            scan_tar(path)
    path.unlink()
    with pytest.raises(SampleFault, match="No such file"):
        scan_tar(path)


@pytest.mark.parametrize(
    ("name", "key", "extension"),
    [
        ("a.jpg", "a", "jpg"),
        ("a.tokens.npy", "a", "tokens.npy"),
        ("d.e/a.JPG", "d.e/a", "jpg"),
        ("img.0001.v2.jpg", "img", "0001.v2.jpg"),
        ("a", "a", ""),
    ],
)
def test_names_are_split_at_the_first_dot(name, key, extension):
    assert split_name(name) == (key, extension)


def test_a_plain_folder_is_indexed(write_tar, pair, jpeg):
    write_tar([*pair("a"), *pair("b")], "one.tar")
    folder = write_tar([*pair("c")], "two.tar").parent
    index = build_index(folder)
    assert index.keys() == ["a", "b", "c"]
    assert [(s.name, s.samples) for s in index.shards] == [("one.tar", 2), ("two.tar", 1)]
    reader = ShardReader(folder, verify="hash")
    assert reader[2].image == jpeg
    assert reader[2].key == reader.key(2) == "c"
    assert reader.shard(2) == "two.tar"


def test_the_index_counts_labels(make_folder):
    index = load_index(make_folder(10))
    assert index.conforming == 10
    assert index.labels["black_hair"] == (10, 0)
    assert index.labels["blond_hair"] == (0, 10)
    assert index.labels["eyeglasses"] == (5, 5)
    assert index.labels["smile"] == (0, 0)


def faulty(pair, jpeg, text):
    return {
        "missing json": ([*pair("a"), ("b.jpg", jpeg), *pair("c")], "missing", {"a", "c"}),
        "missing picture": ([*pair("a"), ("b.json", text)], "missing", {"a"}),
        "duplicate beside": ([*pair("a"), ("b.jpg", jpeg), ("b.jpg", jpeg), ("b.json", text)], "duplicate", {"a", "b"}),
        "duplicate apart": ([*pair("a"), *pair("b"), *pair("a")], "order", {"a", "b"}),
        "interleaved": ([("a.jpg", jpeg), ("b.jpg", jpeg), ("a.json", text), ("b.json", text)], "order", set()),
        "path up": ([*pair("../../evil"), *pair("a")], "key", {"a"}),
        "absolute path": ([*pair("/etc/x"), *pair("a")], "key", {"a"}),
        "dots in keys": ([*pair("img.0001.v2"), *pair("img.0002.v2"), *pair("a")], "missing", {"a"}),
        "capitals": ([*pair("IMG"), *pair("a")], "key", {"a"}),
    }


@pytest.mark.parametrize("case", faulty(lambda key: [], b"", b""))
def test_what_breaks_the_rules_is_an_error_or_left_out(write_tar, pair, jpeg, text, tmp_path, case):
    files, cause, sound = faulty(pair, jpeg, text)[case]
    folder = write_tar(files).parent
    with pytest.raises(DataError, match=r"a\.tar") as caught:
        build_index(folder)
    assert "validate" in str(caught.value)
    if not sound:
        with pytest.raises(DataError, match="no valid sample"):
            build_index(folder, strict=False)
        return
    index = build_index(folder, strict=False)
    assert set(index.keys()) == sound
    assert index.left_out[cause] >= 1
    assert {p.name for p in tmp_path.iterdir()} == {"plain"}, "no name is ever used as a path"


def test_duplicate_keys_across_shards_are_found(write_tar, pair):
    write_tar(pair("a"), "one.tar")
    folder = write_tar([*pair("a"), *pair("b")], "two.tar").parent
    with pytest.raises(DataError, match=r"two\.tar, sample a"):
        build_index(folder)
    assert build_index(folder, strict=False).keys() == ["a", "b"]


def test_files_of_other_types_links_and_folders_are_left_alone(write_tar, pair):
    path = write_tar([("a.jpg", b"x"), ("a.json", b"{}"), ("a.pth", b"evil"), ("a.cls", b"1")])
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("l.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        folder = tarfile.TarInfo("d")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    index = build_index(path.parent)
    assert index.keys() == ["a"]
    assert index.extensions == ("jpg", "json")


def test_a_damaged_shard_is_an_error_or_left_out(write_tar, pair):
    torn = write_tar(pair("a"), "torn.tar")
    torn.write_bytes(torn.read_bytes()[:1000])
    folder = write_tar(pair("b"), "whole.tar").parent
    with pytest.raises(DataError, match=r"torn\.tar"):
        build_index(folder)
    assert build_index(folder, strict=False).keys() == ["b"]


def test_sizes_of_files_may_differ_in_type_from_shard_to_shard(write_tar, pair, text, jpeg):
    write_tar([("a.json", text), ("a.png", jpeg)], "one.tar")
    folder = write_tar([*pair("b"), ("b.tokens.npy", b"x")], "two.tar").parent
    index = build_index(folder)
    assert set(index.extensions) == {"json", "png", "jpg", "tokens.npy"}
    reader = ShardReader(folder)
    assert reader[0].extension == "png"
    assert reader[1].extension == "jpg"
    with pytest.raises(SampleFault, match="tokens"):
        reader.member(0, "tokens.npy")


def test_an_index_must_exist_and_be_whole(make_folder, tmp_path):
    with pytest.raises(DataError, match="nothing does not exist"):
        load_index(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="unif2ace-data build"):
        load_index(tmp_path / "empty")
    (tmp_path / "empty" / "shard-000000.tar").touch()
    with pytest.raises(DataError, match="unif2ace-data index"):
        load_index(tmp_path / "empty")
    folder = make_folder()
    header = (folder / "index.json").read_text()
    for broken in ("", "{", "[]", "{}", header.replace('"format": 1', '"format": 9'), header.replace(".tar", ".sh")):
        (folder / "index.json").write_text(broken)
        with pytest.raises(DataError, match="index"):
            load_index(folder)
    (folder / "index.json").write_text(header)
    load_index(folder)
    (folder / "index.npy").unlink()
    with pytest.raises(DataError, match=r"index\.npy"):
        load_index(folder)


def test_an_index_of_another_folder_is_refused(make_folder):
    first, second = make_folder(10, 4, "first"), make_folder(9, 4, "second")
    (first / "index.npy").write_bytes((second / "index.npy").read_bytes())
    with pytest.raises(DataError, match="do not belong together"):
        load_index(first)


@pytest.mark.parametrize(
    ("column", "value"), [("offset0", 10**9), ("offset0", 2**64 - 1), ("length1", 2**32 - 1), ("shard", 3)]
)
def test_an_index_cannot_point_outside_its_shards(make_folder, column, value):
    folder = make_folder()
    index = load_index(folder)
    places = np.array(index.places)
    places[column][5] = value
    write_index(dataclasses.replace(index, places=places))
    with pytest.raises(DataError, match="outside"):
        load_index(folder)


def test_an_index_with_objects_is_not_unpickled(make_folder):
    folder = make_folder()
    np.save(folder / "index.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="damaged"):
        load_index(folder)


@pytest.mark.parametrize("address", ["pipe:touch marker", "https://host/x.tar", "s3://bucket/x", "file:/tmp/x"])
def test_addresses_and_commands_are_refused(tmp_path, monkeypatch, address):
    monkeypatch.chdir(tmp_path)
    for use in (build_index, load_index, ShardReader):
        with pytest.raises(DataError, match="not supported"):
            use(address)
    assert not list(tmp_path.iterdir())


def test_webdataset_refuses_commands_and_pickles_once_we_imported_it(tmp_path):
    from unif2ace.data.shards.secure import secured_webdataset

    wds = secured_webdataset()
    marker = tmp_path / "marker"
    with pytest.raises(ValueError, match="pipe"):
        list(wds.WebDataset(f"pipe:touch {marker}", shardshuffle=False))
    assert not marker.exists()
    assert wds.utils.enforce_security
