from __future__ import annotations

import json
import random

import pytest

from unif2ace.data.shards import Rules, ShardWriter, build_index, validate
from unif2ace.errors import DataError


def found(report) -> set[tuple[str, str, str]]:
    return {(fault.cause, fault.shard, fault.key) for fault in report.faults}


def test_a_sound_folder_has_no_faults(make_folder):
    told = []
    report = validate(make_folder(10, 4), progress=lambda *step: told.append(step))
    assert report.ok
    assert (report.samples, report.shards) == (10, 3)
    assert "no faults" in report.to_text()
    assert told[-1][:2] == (3, 3)
    assert [step[0] for step in told] == [0, 1, 2, 3]


def test_all_faults_of_all_shards_are_found_in_one_go(write_tar, jpeg, text, altered):
    write_tar(
        [
            ("a.jpg", jpeg),
            ("a.json", text),
            ("a.pth", b"evil"),
            ("b.jpg", jpeg[:200]),
            ("b.json", altered(caption=3)),
            ("c.jpg", jpeg),
            ("d.jpg", jpeg),
            ("d.json", b"{oops"),
            ("../../e.jpg", jpeg),
            ("../../e.json", text),
            ("f.jpg", jpeg),
            ("f.jpg", jpeg),
            ("f.json", text),
            ("a.tokens.npy", b"late"),
            ("g.jpg", jpeg),
            ("g.json", text),
            ("g.tokens.npy", b"no array"),
        ],
        "one.tar",
    )
    torn = write_tar([("x.jpg", jpeg), ("x.json", text)], "torn.tar")
    torn.write_bytes(torn.read_bytes()[:700])
    write_tar([("a.jpg", jpeg), ("a.json", text), ("h.jpg", jpeg), ("h.json", text)], "two.tar")
    folder = torn.parent
    report = validate(folder)
    assert found(report) == {
        ("missing", "index.json", ""),
        ("refused", "one.tar", "a"),
        ("order", "one.tar", "a"),
        ("image", "one.tar", "b"),
        ("schema", "one.tar", "b"),
        ("missing", "one.tar", "c"),
        ("json", "one.tar", "d"),
        ("key", "one.tar", "'../../e'"),
        ("duplicate", "one.tar", "f"),
        ("schema", "one.tar", "g"),
        ("shard", "torn.tar", ""),
        ("duplicate", "two.tar", "a"),
    }
    assert report.samples == 3  # a, f and h
    for fault in report.faults:
        assert fault.message
        assert fault.shard in report.to_text()
    tree = json.loads(report.to_json())
    assert tree["ok"] is False
    assert len(tree["faults"]) == len(report.faults)
    assert sum(tree["causes"].values()) == len(report.faults)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: p.unlink(), "not in the folder"),
        (lambda p: p.write_bytes(b""), "in the index"),
        (lambda p: p.write_bytes(p.read_bytes()[:-600] + b"x" * 600), "sha256"),
        (lambda p: (p.parent / "new.tar").write_bytes(p.read_bytes()), "not in the index"),
        (lambda p: (p.parent / "index.npy").unlink(), "index"),
        (lambda p: (p.parent / "index.json").write_text("{"), "damaged"),
        (lambda p: (p.parent / ".shard-000009.tar.partial").write_bytes(b"x"), "temporary file"),
    ],
)
def test_each_disagreement_with_the_index_is_said(make_folder, change, says):
    folder = make_folder(10, 4)
    change(folder / "shard-000001.tar")
    report = validate(folder)
    assert not report.ok
    assert says in report.to_text()


def test_an_unfinished_build_is_said(tmp_path, make_sample):
    writer = ShardWriter(tmp_path, 2)
    for number in range(3):
        writer.write(make_sample(number))
    writer.__exit__(KeyboardInterrupt, None, None)
    report = validate(tmp_path)
    assert found(report) == {("shard", "build.json", "")}
    assert report.samples == 2


def test_rules_decide_what_is_sound(make_folder, write_tar, jpeg, altered):
    folder = write_tar([("a.jpg", jpeg), ("a.json", altered(caption=None))]).parent
    build_index(folder)
    assert validate(folder).ok
    assert found(validate(folder, rules=Rules(require=("caption",)))) == {("missing", "a.tar", "a")}


def test_a_folder_must_be_there(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        validate(tmp_path / "nothing")
    assert found(validate(tmp_path)) == {("shard", tmp_path.name, "")}


def test_long_reports_are_cut_for_people_only(write_tar, jpeg):
    files = [(f"a{n}.jpg", jpeg) for n in range(200)]
    report = validate(write_tar(files).parent)
    assert len(report.faults) == 201
    assert "and 151 more" in report.to_text()
    assert len(json.loads(report.to_json())["faults"]) == 201


def test_random_damage_is_always_found(make_folder):
    folder = make_folder(6, 6)
    path = folder / "shard-000000.tar"
    whole = path.read_bytes()
    for seed in range(20):
        at = random.Random(seed).randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        assert not validate(folder).ok, (seed, at)
