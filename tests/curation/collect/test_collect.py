"""`collect` on pictures that tests write: whatever the format, the face is cut where the renderer put it."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scenes import FORMATS, Scene, encoded, make_scene

from unif2ace.curation.collect.collect import CollectStep, cut_face, ffhq_square
from unif2ace.curation.collect.duplicates import HeldOut, read_duplicates
from unif2ace.curation.collect.licenses import with_licenses
from unif2ace.curation.collect.options import CollectOptions
from unif2ace.curation.collect.pictures import find_pictures
from unif2ace.curation.collect.reporting import report_collect
from unif2ace.curation.collect.running import Collection, collect, estimate_collect
from unif2ace.curation.detectors.aligned import AlignedDetector
from unif2ace.curation.detectors.base import Detector, FoundFace
from unif2ace.curation.detectors.landmarks import LandmarksDetector
from unif2ace.curation.filters.base import FaceFilter
from unif2ace.curation.filters.border import BorderFilter
from unif2ace.curation.filters.resolution import ResolutionFilter
from unif2ace.curation.filters.sharpness import SharpnessFilter
from unif2ace.curation.part import StepPart
from unif2ace.data.shards import ShardReader
from unif2ace.errors import ConfigError, DataError

LICENSE = "CC0-1.0"


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(3, [180], [14.0], 320, 240)


def _write(folder: Path, name: str, data: bytes, scene: Scene | None = None, **facts: Any) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    if scene is not None:
        facts["landmarks"] = [face.tolist() for face in scene.landmarks]
    (folder / name).with_suffix(".json").write_text(json.dumps(facts))


def _collect(
    source: Path,
    out: Path,
    *,
    license: str | None = LICENSE,
    licenses: str | None = None,
    detector: Detector | None = None,
    filters: Sequence[FaceFilter] = (),
    part: str = "1/1",
    held_out: Sequence[Path] = (),
    workers: int = 1,
    **options: Any,
) -> Collection:
    chosen = CollectOptions(**{"size": 64, "validation": 0.0, **options})
    step = CollectStep(chosen, detector or LandmarksDetector(), {filter.name: filter for filter in filters}, workers)
    found = find_pictures(source, chosen.name)
    what = Collection(found, with_licenses(found.pictures, source, licenses, license), out, chosen, HeldOut(held_out))
    collect(step, what, StepPart.parse(part))
    return what


def _outcomes(what: Collection) -> dict[str, int]:
    report_collect(what)
    found: dict[str, int] = json.loads((what.folder / "report.json").read_text())["pictures"]["outcomes"]
    return found


def test_every_format_gives_the_same_face(scene: Scene, tmp_path: Path):
    for kind in FORMATS:
        data, suffix = encoded(scene.pixels, kind)
        _write(tmp_path / "in", f"{kind.replace('.', '_')}.{suffix}", data, scene)
    _collect(tmp_path / "in", tmp_path / "out", duplicates=None)
    reader = ShardReader(tmp_path / "out" / "train")
    assert len(reader) == len(FORMATS)
    expected = cut_face(scene.pixels, ffhq_square(FoundFace((0, 0, 1, 1), scene.landmarks[0])), 64)
    for index, sample in enumerate(reader):
        colours = "gray" not in sample.key and "deep" not in sample.key
        wanted = expected if colours else np.asarray(Image.fromarray(expected).convert("L"))[..., None]
        difference = np.abs(reader.image(index).astype(int) - wanted).mean()
        assert difference < (12 if sample.key.endswith("gif") or "palette" in sample.key else 4), sample.key
        assert sample.metadata.license == LICENSE
        assert sample.metadata.provenance["file"].startswith(sample.key.removeprefix("collected-")[:3])


def test_the_eyes_are_where_ffhq_has_them(scene: Scene):
    square = ffhq_square(FoundFace((0, 0, 1, 1), scene.landmarks[0]))
    axes = np.stack([square[3] - square[0], square[1] - square[0]], 1)
    left, right = (np.linalg.solve(axes, point - square[0]) for point in scene.landmarks[0][:2])
    assert left[1] == pytest.approx(right[1], abs=0.03), "the eyes are level, though the face was tilted by 14 degrees"
    assert (left[0] + right[0]) / 2 == pytest.approx(0.5, abs=0.03)
    assert 0.44 < left[1] < 0.5


def _bomb() -> bytes:
    """A PNG whose header states 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))))
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_bad_files_are_left_out_with_their_cause(scene: Scene, tmp_path: Path):
    good, _ = encoded(scene.pixels, "jpg")
    folder = tmp_path / "in"
    _write(folder, "good.jpg", good, scene)
    _write(folder, "nobody.jpg", good, landmarks=[])
    _write(folder, "cut.jpg", good[: len(good) // 2], scene)
    _write(folder, "page.jpg", b"<!doctype html><html>not found</html>", scene)
    _write(folder, "bomb.png", _bomb(), scene)
    _write(folder, "odd.jpg", good, landmarks=[[1, 2]])
    _write(folder, "nameless.jpg", good, scene, identity=["a"])
    (folder / "broken.jpg").write_bytes(good)
    (folder / "broken.json").write_text("{")
    what = _collect(folder, tmp_path / "out")
    assert _outcomes(what) == {"image": 2, "kept": 1, "no_face": 1, "size": 1, "schema": 2, "json": 1}
    text = (tmp_path / "out" / "report.md").read_text()
    assert "the picture is too large" in text
    assert "no face was found in 320x240 pixels" in text
    assert (tmp_path / "out" / "sheets" / "kept.png").is_file()


@pytest.mark.parametrize(
    ("faces", "keys"), [("largest", ["collected-a"]), ("all", ["collected-a-f1", "collected-a-f2"])]
)
def test_of_several_faces(tmp_path: Path, faces: str, keys: list[str]):
    scene = make_scene(5, [100, 150], [0.0, 8.0], 360, 200)
    _write(tmp_path / "in", "a.jpg", encoded(scene.pixels, "jpg")[0], scene)
    _collect(tmp_path / "in", tmp_path / "out", faces=faces)
    reader = ShardReader(tmp_path / "out" / "train")
    assert reader.keys() == keys
    largest = np.array(reader[0].metadata.provenance["face"]["landmarks"])
    np.testing.assert_allclose(largest, scene.landmarks[1], atol=0.01)
    with pytest.raises(DataError, match=r"all 1 samples were left out \(several_faces 1\)"):
        _collect(tmp_path / "in", tmp_path / "none", faces="refuse")


def test_filters_refuse_and_say_why(tmp_path: Path):
    for name, side, blur in (("good", 180, 0), ("small", 60, 0), ("blurred", 180, 4)):
        scene = make_scene(7, [side], [0.0], 320, 240)
        image = Image.fromarray(scene.pixels).filter(ImageFilter.GaussianBlur(blur))
        _write(tmp_path / "in", f"{name}.png", encoded(np.asarray(image), "png")[0], scene)
    filters = [ResolutionFilter(64), SharpnessFilter(12)]
    what = _collect(tmp_path / "in", tmp_path / "out", filters=filters)
    assert _outcomes(what) == {"kept": 1, "resolution": 1, "sharpness": 1}
    text = (tmp_path / "out" / "report.md").read_text()
    assert "px is below filter.resolution.minimum=64" in text
    sheets = sorted(path.name for path in (tmp_path / "out" / "sheets").iterdir())
    assert sheets == ["kept.png", "resolution.png", "sharpness.png"]


def test_a_face_at_the_edge_is_filled_by_reflection_or_refused(scene: Scene, tmp_path: Path):
    cut = Scene(scene.pixels[:, 150:], [scene.landmarks[0] - (150, 0)], [0.0])
    _write(tmp_path / "in", "edge.png", encoded(cut.pixels, "png")[0], cut)
    _collect(tmp_path / "in", tmp_path / "out")
    with pytest.raises(DataError, match="border 1"):
        _collect(tmp_path / "in", tmp_path / "none", filters=[BorderFilter(None, 20)])


def test_archives_are_read_like_folders(scene: Scene, tmp_path: Path):
    data, facts = encoded(scene.pixels, "jpg")[0], json.dumps({"landmarks": [scene.landmarks[0].tolist()]}).encode()
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for name in ("x/one.jpg", "x/one.json", "__MACOSX/x/._one.jpg"):
            archive.writestr(name, data if name.endswith("jpg") else facts)
    with tarfile.open(folder / "b.tar", "w") as tar:
        for name, content in (("one.jpg", data), ("one.json", facts)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (folder / "c.tgz").write_bytes(b"x")
    (folder / "damaged.zip").write_bytes(b"PK nothing")
    (folder / "notes.txt").write_text("x")
    what = _collect(folder, tmp_path / "out", duplicates=None)
    assert ShardReader(tmp_path / "out" / "train").keys() == ["collected-a-zip-x-one", "collected-b-tar-one"]
    assert [fault.partition(":")[0] for fault in sorted(what.found.faults)] == ["c.tgz", "damaged.zip"]
    assert what.found.others == {".txt": 1}
    _collect(folder / "a.zip", tmp_path / "one")
    assert ShardReader(tmp_path / "one" / "train").keys() == ["collected-a-zip-x-one"]


def test_near_duplicates_and_held_out_faces_are_left_out(tmp_path: Path):
    folder = tmp_path / "in"
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        scene = make_scene(seed, [180], [5.0], 320, 240)
        _write(folder, f"{name}.png", encoded(scene.pixels, "png")[0], scene)
    scene = make_scene(1, [180], [5.0], 320, 240)
    _write(folder, "d.jpg", encoded(np.asarray(Image.fromarray(scene.pixels).resize((640, 480))), "jpg")[0])
    doubled = {"landmarks": [(2 * scene.landmarks[0]).tolist()]}
    (folder / "d.json").write_text(json.dumps(doubled))
    (tmp_path / "bench").mkdir()
    for path in folder.glob("b.*"):
        (tmp_path / "bench" / path.name).write_bytes(path.read_bytes())
    _collect(tmp_path / "bench", tmp_path / "bench-out", name="bench")
    what = _collect(folder, tmp_path / "out", held_out=[tmp_path / "bench-out"], pictures_per_shard=2)
    assert ShardReader(tmp_path / "out" / "train").keys() == ["collected-a", "collected-c"]
    found = {line["key"]: (line["kind"], line["other"]) for line in read_duplicates(tmp_path / "out" / "train")}
    assert found == {"collected-b": ("held_out", "bench-b"), "collected-d": ("duplicate", "collected-a")}
    report_collect(what)
    faces = json.loads((tmp_path / "out" / "report.json").read_text())["faces"]
    assert faces == {"kept": 2, "held_out": 1, "duplicate": 1}


def test_parts_and_splits_give_the_bytes_of_one_run(tmp_path: Path):
    folder = tmp_path / "in"
    for number in range(12):
        scene = make_scene(number % 10, [90], [5.0], 160, 120)
        _write(folder, f"{number}.jpg", encoded(scene.pixels, "jpg")[0], scene, identity=f"person {number // 2}")
    options = {"validation": 0.4, "pictures_per_shard": 3}
    what = _collect(folder, tmp_path / "whole", **options)
    for number in (2, 1, 3):
        _collect(folder, tmp_path / "parts", part=f"{number}/3", workers=2 if number == 1 else 1, **options)
    for path in (tmp_path / "whole").rglob("*.*"):
        if path.suffix in (".tar", ".json", ".npy", ".jsonl"):
            assert (tmp_path / "parts" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes(), path
    people = [{s.metadata.identity for s in ShardReader(tmp_path / "whole" / split)} for split in ("train", "val")]
    assert people[0]
    assert people[1]
    assert not people[0] & people[1]
    step = CollectStep(what.options, LandmarksDetector(), {})
    assert estimate_collect(step, what, StepPart()).finished == 12


def test_each_picture_has_its_license(scene: Scene, tmp_path: Path):
    folder, data = tmp_path / "in", encoded(scene.pixels, "jpg")[0]
    for name in ("a/one.jpg", "a/two.jpg", "b/one.jpg", "none.jpg"):
        _write(folder, name, data, scene)
    _write(folder, "own.jpg", data, scene, licence="CC-BY-2.0", url="https://example.org/7", caption="A face.")
    (folder / "licenses.csv").write_text("file,license,source\na,CC-BY-4.0,camera\na/two.jpg,CC0-1.0,\nb,PD,\n")
    what = _collect(folder, tmp_path / "out", license=None, duplicates=None)
    assert _outcomes(what) == {"kept": 4, "no_license": 1}
    found = {s.key: s.metadata for s in ShardReader(tmp_path / "out" / "train")}
    assert {key: one.license for key, one in found.items()} == {
        "collected-a-one": "CC-BY-4.0",
        "collected-a-two": "CC0-1.0",
        "collected-b-one": "PD",
        "collected-own": "CC-BY-2.0",
    }
    assert found["collected-a-one"].provenance["source"] == "camera"
    assert found["collected-own"].provenance["source"] == "https://example.org/7"
    assert found["collected-own"].caption == "A face."
    _collect(folder, tmp_path / "all", license=None, duplicates=None, require_license=False)
    assert "unknown" in {s.metadata.license for s in ShardReader(tmp_path / "all" / "train")}
    (folder / "licenses.csv").write_text("file,license\nc,CC-BY-4.0\n")
    with pytest.raises(DataError, match=r"licenses.csv:2: 'file' names no picture, folder or archive"):
        _collect(folder, tmp_path / "unused", license=None)


def test_aligned_pictures_are_taken_as_they_are(tmp_path: Path):
    image = make_scene(4, [120], [0.0], 120, 120).pixels
    _write(tmp_path / "in", "a.png", encoded(image, "png")[0])
    _collect(tmp_path / "in", tmp_path / "out", detector=AlignedDetector(), size=120)
    got = ShardReader(tmp_path / "out" / "train").image(0)
    assert np.abs(got.astype(int) - image).mean() < 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"faces": "lagest"}, "faces='lagest' is not one of largest, all, refuse .did you mean 'largest'"),
        ({"size": 4}, "size=4: give 16 to 1024 pixels"),
        ({"duplicates": 99}, "duplicates=99"),
        ({"duplicates": "no"}, "duplicates=no: give an integer of 0 to 64 bits, or null"),
        ({"validation": 0.9}, "validation=0.9"),
        ({"name": "My set"}, "name"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        CollectOptions(**options)


def test_a_filter_needs_a_limit():
    with pytest.raises(ConfigError, match=r"filter has no limit; give filter\.resolution\.minimum"):
        ResolutionFilter()
    with pytest.raises(ConfigError, match=r"minimum=3 is above maximum=2"):
        ResolutionFilter(3, 2)


def test_no_pictures_is_an_error(tmp_path: Path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"it holds 1 \.txt"):
        find_pictures(tmp_path, "a")
    with pytest.raises(DataError, match=r"path=.* does not exist"):
        find_pictures(tmp_path / "b", "a")
