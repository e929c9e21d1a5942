"""Texts that fit a face beside texts that fit it less."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from test_datamodule import NUM_TRAIN, write_folder

from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.shards import ShardReader
from unif2ace.data.tasks.understanding import UnderstandingTask
from unif2ace.data.word_contrasts import Contrast, as_ids, contrasts, read_questions
from unif2ace.language.question import Question


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("faces"), "a")


def test_yes_stands_against_nothing_and_nothing_against_no():
    asked = [
        (0, Question("A hat?", "Yes, it is.", "yes_no", "hat")),
        (3, Question("A hat?", "No.", "yes_no", "hat")),
    ]
    assert list(contrasts(asked, random.Random(0))) == [Contrast(0, "A hat?", ""), Contrast(3, "", "A hat?")]


def test_answers_stand_against_those_of_other_faces_to_the_same_question():
    asked = [(n, Question("Which hair?", answer, "what", "hair")) for n, answer in enumerate(["Red.", "Black."] * 50)]
    asked += [(200 + n, Question("Which hat?", "A cap.", "what", "hat")) for n in range(9)]  # all the same
    asked += [(300, Question("Why?", "Because.", "reason", None))]  # the only one
    found = list(contrasts(asked, random.Random(0)))
    assert 30 < len(found) < 70  # by half chance the other face says the same
    assert {(one.place % 2, one.fits, one.misfits) for one in found} == {(0, "Red.", "Black."), (1, "Black.", "Red.")}
    assert all(one.place < 100 for one in found)
    assert found == list(contrasts(asked, random.Random(0)))


def test_the_same_question_in_other_words_is_the_same_question():
    what = [
        (0, Question("What is the person's hair color?", "Red.", "what", "hair_colour")),
        (1, Question("hair colour", "Black.", "what", "hair_colour")),
    ]
    which = [
        (2, Question("Is her hair black or red?", "Red.", "which", "hair_colour")),
        (3, Question("is the hair of this man red or black", "Black.", "which", "hair_colour")),
        (4, Question("Is her hair brown or red?", "Brown.", "which", "hair_colour")),  # other options
    ]
    count = [
        (5, Question("How many of these does she wear: a hat and a mask?", "One: a hat.", "count", "accessories")),
        (6, Question("how many of these is he wearing: a hat and a mask", "None.", "count", "accessories")),
    ]
    found = [(one.place, one.misfits) for n in range(30) for one in contrasts(what + which + count, random.Random(n))]
    assert set(found) == {(0, "Black."), (1, "Red."), (2, "Black."), (3, "Red."), (5, "None."), (6, "One: a hat.")}


def test_faces_are_numbered_as_captions_are(folder: Path, tmp_path: Path):
    other = write_folder(tmp_path / "other", "b", train=20)
    sets = {"a": ShardDataset(folder), "b": ShardDataset(other)}
    data = FaceDataModule(sets, {"u": UnderstandingTask(4)}, inputs="pixels")
    keys = [key for batch in data.captions(9) for key in batch.keys]
    readers = [ShardReader(f / "train") for f in (folder, other)]
    known = {sample.key: sample.metadata.qa for reader in readers for sample in reader}
    found = list(read_questions(readers, 9))
    assert [(place, one) for place, key in enumerate(keys) for one in known[key]] == found
    assert {place for place, _ in read_questions(readers, 10**6)} == set(range(NUM_TRAIN + 20))
    told, tokenizer = data.contrasts(9), data.text_tokenizer
    yes = {(place, one.question) for place, one in found if one.answer.startswith("Yes") and one.kind == "yes_no"}
    texts = [tokenizer.decode([i for i in ids if i >= 0]) for ids in told.fits.tolist()]
    assert yes
    assert yes <= set(zip(told.place.tolist(), texts, strict=True))
    assert (told.fits.shape[0], told.misfits.shape[0]) == (len(told.place),) * 2


def test_faulty_samples_leave_a_gap(folder: Path, tmp_path: Path):
    reader = ShardReader(write_folder(tmp_path, "c", train=6) / "train")
    shard = next((tmp_path / "train").glob("*.tar"))
    content = shard.read_bytes()
    at = content.index(b'"license"')
    shard.write_bytes(content[:at] + b"?" * 9 + content[at + 9 :])
    places = {place for place, _ in read_questions([reader], 6)}
    assert len(places) == 5
    assert places < set(range(6))


def test_nothing_is_told_by_no_questions(folder: Path):
    tokenizer = FaceDataModule({"a": ShardDataset(folder)}, {"u": UnderstandingTask(4)}).text_tokenizer
    told = as_ids([], tokenizer)
    assert (told.place.shape, told.fits.shape, told.misfits.shape) == ((0,), (0, 0), (0, 0))
