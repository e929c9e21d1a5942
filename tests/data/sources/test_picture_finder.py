"""Which file a written name means, and which names mean none or two."""

from pathlib import Path

import pytest

from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.picture_finder import PictureFinder

FILES = ["a/1.jpg", "b/1.jpg", "c/00002.PNG", "Ünïcode.jpg", "x.webp", "x.jpg", "deep/er/7.jpg"]


@pytest.fixture
def finder() -> PictureFinder:
    return PictureFinder({"": Path("/faces")}, {"": FILES})


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("a/1.jpg", "a/1.jpg"),
        ("B\\1.JPG", "b/1.jpg"),
        ("/data/old/a/1.jpg", "a/1.jpg"),
        ("C:\\old\\b\\1", "b/1.jpg"),
        (2, "c/00002.PNG"),
        ("2.jpg", "c/00002.PNG"),
        ("c/2", "c/00002.PNG"),
        ("./c/00002.png", "c/00002.PNG"),
        ("'x.jpg'", "x.jpg"),
        ("X.WEBP", "x.webp"),
        ("U\u0308ni\u0308code.jpg", "Ünïcode.jpg"),
        ("/elsewhere/7.jpg", "deep/er/7.jpg"),
        ("er/7.png", "deep/er/7.jpg"),
    ],
)
def test_a_name_means_the_file_that_agrees_best(finder: PictureFinder, written: object, file: str):
    assert finder.find(written, "t.csv:2").file == file
    assert bool(finder.notes) == (written == "/elsewhere/7.jpg")


@pytest.mark.parametrize(
    ("written", "cause", "message"),
    [
        ("1.jpg", "schema", r"t.csv:2: '1.jpg' matches /faces/a/1.jpg and /faces/b/1.jpg; write the full path"),
        ("x.png", "schema", "matches /faces/x.webp and /faces/x.jpg"),
        ("d/1.jpg", "missing", r"t.csv:2: no picture 'd/1.jpg' below /faces .did you mean"),
        ("er/deep/7.jpg", "missing", "no picture"),
        (None, "missing", "no picture ''"),
        ("nan", "missing", "no picture"),
    ],
)
def test_a_name_without_one_best_file_is_a_fault(finder: PictureFinder, written: object, cause: str, message: str):
    with pytest.raises(SampleFault, match=message) as caught:
        finder.find(written, "t.csv:2")
    assert caught.value.cause == cause


def test_two_pictures_are_not_taken_for_one_file(finder: PictureFinder):
    first = finder.find("/data/train/7.jpg", "t.csv:2")
    assert finder.find("7.jpg", "t.csv:3") == first, "the same picture, with less of its path"
    with pytest.raises(SampleFault, match=r"t.csv:4: '/data/train/7.jpg' and '/data/val/7.jpg' both match /faces/deep"):
        finder.find("/data/val/7.jpg", "t.csv:4")
