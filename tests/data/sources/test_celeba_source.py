"""CelebA in the layouts of the release and of Kaggle's copy, written small."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.data.sources.celeba import LICENSE, CelebASource
from unif2ace.errors import ConfigError, DataError

LABELS = list(AttributeMapping("celeba").meanings)
POSITIVE = {"000001.jpg": {"Male", "Black_Hair", "Wearing_Necktie"}, "000002.jpg": {"Smiling"}, "000003.jpg": set()}
PEOPLE = {"000001.jpg": 2880, "000002.jpg": 17, "000003.jpg": 2880}
POINTS = ["lefteye_x", "lefteye_y", "righteye_x", "righteye_y", "nose_x", "nose_y"]
POINTS += ["leftmouth_x", "leftmouth_y", "rightmouth_x", "rightmouth_y"]
MEAN_FACE = [69, 111, 108, 111, 88, 135, 72, 152, 105, 152]


def draw(folder):
    folder.mkdir(parents=True)
    for file in POSITIVE:
        pixels = np.full((218, 178, 3), 90, np.uint8)
        pixels[106:117, 64:75] = (255, 0, 0)  # the eyes, where the release puts them
        pixels[106:117, 103:114] = (255, 0, 0)
        Image.fromarray(pixels).save(folder / file, quality=95)


def txt(path, columns, rows):
    lines = [
        str(len(rows)),
        " ".join(columns),
        *(f"{f}  {' '.join(f'{v:2d}' for v in values)}" for f, values in rows.items()),
    ]
    path.write_text("\r\n".join(lines) + "\r\n")


def csv(path, columns, rows):
    lines = [",".join(["image_id", *columns]), *(",".join([f, *map(str, values)]) for f, values in rows.items())]
    path.write_text("\n".join(lines) + "\n")


def signs():
    return {f: [1 if label in positive else -1 for label in LABELS] for f, positive in POSITIVE.items()}


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "CelebA"
    draw(root / "Img" / "img_align_celeba")
    (root / "Anno").mkdir()
    txt(root / "Anno" / "list_attr_celeba.txt", LABELS, signs())
    txt(root / "Anno" / "list_landmarks_align_celeba.txt", POINTS, dict.fromkeys(POSITIVE, MEAN_FACE))
    (root / "Anno" / "identity_CelebA.txt").write_text("".join(f"{f} {n}\n" for f, n in PEOPLE.items()))
    return root


@pytest.fixture
def kaggle(tmp_path):
    root = tmp_path / "archive"
    draw(root / "img_align_celeba" / "img_align_celeba")
    csv(root / "list_attr_celeba.csv", LABELS, signs())
    csv(root / "list_landmarks_align_celeba.csv", POINTS, dict.fromkeys(POSITIVE, MEAN_FACE))
    return root


def test_both_copies_say_the_same(release, kaggle):
    one, two = CelebASource(path=str(release)), CelebASource(path=str(kaggle))
    assert len(one) == len(two) == 3
    for i in range(3):
        assert one.key(i) == two.key(i) == f"celeba-00000{i + 1}"
        assert one.record(i) == two.record(i)
        [first], [second] = one.items([i]), two.items([i])
        assert (first.image == second.image).all()
        assert first.license == LICENSE


def test_identities_are_the_releases_and_else_each_picture_is_another_person(release, kaggle):
    assert [CelebASource(path=str(release)).identity(i) for i in range(3)] == [
        "celeba_2880",
        "celeba_17",
        "celeba_2880",
    ]
    assert len({CelebASource(path=str(kaggle)).identity(i) for i in range(3)}) == 3


def test_records_are_the_mapped_labels_of_what_the_cut_shows(release):
    source = CelebASource(path=str(release))
    said = AttributeMapping("celeba").of_positive(POSITIVE["000001.jpg"])
    assert source.record(0) == said.hide("necklace", "necktie")
    assert said["necktie"] is True
    assert source.items([0])[0].record == source.record(0)
    assert source.record(1)["smile"] is True
    assert source.record(2) == AttributeMapping("celeba").of_positive([]).hide("necklace", "necktie")
    assert source.record(2) != AttributeRecord()


def red_eyes(image):
    """Places (x, y) of the two red squares' middles, as shares of the side."""
    red = (image[..., 0].astype(int) - image[..., 1]) > 100
    ys, xs = np.nonzero(red)
    left = xs < image.shape[1] / 2
    side = image.shape[0]
    return [((xs[half].mean() + 0.5) / side, (ys[half].mean() + 0.5) / side) for half in (left, ~left)]


@pytest.mark.parametrize("size", [64, 128])
def test_the_cut_puts_the_eyes_where_ffhq_has_them(release, size):
    source = CelebASource(path=str(release), size=size)
    [item] = source.items([0])
    assert item.image.shape == (size, size, 3)
    assert item.image.dtype == np.uint8
    # A quarter of the square lies between the eyes, and they are a little above its middle.
    (left_x, left_y), (right_x, right_y) = red_eyes(item.image)
    assert right_x - left_x == pytest.approx(0.25, abs=0.02)
    assert left_x + right_x == pytest.approx(1.0, abs=0.02)
    assert left_y == pytest.approx(0.475, abs=0.02)
    assert right_y == pytest.approx(0.475, abs=0.02)


def test_without_landmarks_the_cut_is_that_of_the_mean_face(release):
    with_points = CelebASource(path=str(release))
    (release / "Anno" / "list_landmarks_align_celeba.txt").unlink()
    without = CelebASource(path=str(release))
    np.testing.assert_allclose(
        red_eyes(without.items([0])[0].image), red_eyes(with_points.items([0])[0].image), atol=0.02
    )
    assert without.describe() != with_points.describe()


def test_a_partial_copy_is_read_and_what_is_missing_counted(release):
    (release / "Img" / "img_align_celeba" / "000002.jpg").unlink()
    source = CelebASource(path=str(release))
    assert [source.key(i) for i in range(len(source))] == ["celeba-000001", "celeba-000003"]
    assert source.missing == 1
    assert source.identity(1) == "celeba_2880"


def edit(file, change):
    file.write_text(change(file.read_text()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("list_attr_celeba.txt", lambda t: t.replace("Smiling", "Smilling"), "'Smiling'"),
        ("list_attr_celeba.txt", lambda t: t.replace("000003.jpg  -1", "000003.jpg  no"), "txt:5, column .*32-bit int"),
        ("list_attr_celeba.txt", lambda t: t.replace("000003.jpg  -1", "000003.jpg"), r"txt:5: 39 numbers for 40"),
        ("list_attr_celeba.txt", lambda t: "4" + t[1:], "3 rows, but its first line says 4"),
        ("list_attr_celeba.txt", lambda t: "", "must begin with the number of rows"),
        ("identity_CelebA.txt", lambda t: t.replace("000002", "000009"), "no row for 000002.jpg"),
        ("list_attr_celeba.txt", lambda t: t.replace(".jpg", "x.jpg"), "none of the 3 pictures"),
    ],
)  # fmt: skip
def test_broken_lists_are_named_with_their_line(release, name, change, message):
    edit(release / "Anno" / name, change)
    with pytest.raises(DataError, match=message):
        CelebASource(path=str(release))


def test_missing_parts_are_named(release, tmp_path):
    with pytest.raises(DataError, match="did you mean 'CelebA'"):
        CelebASource(path=str(tmp_path / "CelebAs"))
    with pytest.raises(DataError, match=r"'img_celeba'.*source.images"):
        CelebASource(path=str(release), images="img_celeba")
    with pytest.raises(DataError, match=r"list_attributes\.txt: not found"):
        CelebASource(path=str(release), attributes="list_attributes.txt")
    with pytest.raises(ConfigError, match="size=8"):
        CelebASource(path=str(release), size=8)


def test_pictures_of_another_kind_are_errors(release):
    images = release / "Img" / "img_align_celeba"
    Image.new("RGB", (400, 300)).save(images / "000001.jpg")
    (images / "000002.jpg").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"000001.jpg has 400x300 pixels; CelebA's aligned pictures have 178x218"):
        CelebASource(path=str(release)).items([0])
    with pytest.raises(DataError, match=r"000002.jpg"):
        CelebASource(path=str(release)).items([1])


def test_it_travels_to_other_processes_and_describes_itself(release):
    source = CelebASource(path=str(release))
    copy = pickle.loads(pickle.dumps(source))
    assert (copy.items([2])[0].image == source.items([2])[0].image).all()
    assert json.loads(json.dumps(source.describe())) == source.describe() == CelebASource(path=str(release)).describe()


@pytest.mark.parametrize("form", ["txt", "csv"])
def test_columns_are_found_by_name_in_any_order(release, kaggle, form):
    cases = {
        "txt": (release, txt, "Anno/list_landmarks_align_celeba.txt"),
        "csv": (kaggle, csv, "list_landmarks_align_celeba.csv"),
    }
    root, put, name = cases[form]
    before = CelebASource(path=str(root)).items([0])[0].image
    order = [*POINTS[4:], *POINTS[:4]]
    put(root / name, order, {key: [MEAN_FACE[POINTS.index(point)] for point in order] for key in POSITIVE})
    assert (CelebASource(path=str(root)).items([0])[0].image == before).all()
    mistakes = {"nosee_x": "no column 'nose_x'; .*did you mean 'nosee_x'", "nose_y": "two columns are named 'nose_y'"}
    for change, message in mistakes.items():
        wrong = [change if point == "nose_x" else point for point in order]
        put(root / name, wrong, dict.fromkeys(POSITIVE, MEAN_FACE))
        with pytest.raises(DataError, match=message):
            CelebASource(path=str(root))
    put(root / name, [*POINTS, "chin_x"], {key: [*MEAN_FACE, 1] for key in POSITIVE})
    with pytest.raises(DataError, match="unknown column 'chin_x'"):
        CelebASource(path=str(root))


@pytest.mark.parametrize(
    "row",
    [[0] * 10, [-500] * 10, [10**6 + 1000 * i for i in range(10)], [70, 150, 108, 150, 89, 130, 71, 110, 107, 110]],
    ids=["zero", "negative", "far away", "upside down"],
)
def test_landmarks_that_are_no_face_are_a_fault_of_their_picture(kaggle, row):
    csv(kaggle / "list_landmarks_align_celeba.csv", POINTS, dict.fromkeys(POSITIVE, row))
    with pytest.raises(DataError, match=r"landmarks_align_celeba.csv, row of 000001.jpg: its landmarks give a square"):
        CelebASource(path=str(kaggle)).items([0])


def test_whole_numbers_may_have_a_point(kaggle):
    file = kaggle / "list_landmarks_align_celeba.csv"
    before = CelebASource(path=str(kaggle)).items([0])[0].image
    csv(file, POINTS, {key: [f"{value}.0" for value in MEAN_FACE] for key in POSITIVE})
    assert (CelebASource(path=str(kaggle)).items([0])[0].image == before).all()
    csv(file, POINTS, {key: [f"{value}.5" for value in MEAN_FACE] for key in POSITIVE})
    with pytest.raises(DataError, match=r"csv:2, column '\w+': '[\d.]+5' is not a 32-bit integer"):
        CelebASource(path=str(kaggle))


def test_a_list_asked_for_by_another_name_must_exist(release):
    with pytest.raises(DataError, match=r"source\.identities=identities\.txt: not found"):
        CelebASource(path=str(release), identities="identities.txt")
    with pytest.raises(DataError, match=r"source\.landmarks=landmarks\.txt: not found"):
        CelebASource(path=str(release), landmarks="landmarks.txt")
    assert CelebASource(path=str(release), identities=None).identity(0) == "celeba-000001"


def test_labels_are_signs_and_rows_are_unique(release):
    file = release / "Anno" / "list_attr_celeba.txt"
    text = file.read_text()
    file.write_text(text.replace("000002.jpg  -1", "000002.jpg   7"))
    with pytest.raises(DataError, match=r"list_attr_celeba.txt:4, column '5_o_Clock_Shadow': 7 is not a label"):
        CelebASource(path=str(release))
    file.write_text(text.replace("000003.jpg", "000002.jpg"))
    with pytest.raises(DataError, match=r"txt:5: '000002.jpg' already has a row, list_attr_celeba.txt:4"):
        CelebASource(path=str(release))


def test_the_report_counts_what_is_missing_and_what_is_not_listed(release):
    images = release / "Img" / "img_align_celeba"
    (images / "000002.jpg").rename(images / "9.jpg")
    lines = "\n".join(CelebASource(path=str(release)).report().lines)
    assert "2 of 3 listed pictures" in lines
    assert "listed and missing: 1, the first 000002.jpg" in lines
    assert "not listed, not used: 1 files, the first 9.jpg" in lines
