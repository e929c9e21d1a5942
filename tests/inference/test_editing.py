"""Edits by words: kept tokens stay, the region is where the predictions differ, a face does not depend on its batch."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_release import make_run

import unif2ace
from unif2ace.attributes import AttributeRecord
from unif2ace.errors import ConfigError, DataError
from unif2ace.inference.edit_check import checks, shows
from unif2ace.inference.edit_regions.base import EditQuery
from unif2ace.inference.edit_regions.box import BoxRegion
from unif2ace.inference.edit_regions.mask import MaskRegion
from unif2ace.inference.edit_regions.prediction_difference import PredictionDifference
from unif2ace.inference.editing import FaceEditor, consequences, paste_region
from unif2ace.sequence.sequence_layout import SequenceLayout

GRID, CODES = (4, 4), 16


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    pipe = unif2ace.load(make_run(tmp_path_factory.mktemp("model")), device="cpu")
    pipe.model.layout = SequenceLayout(pipe.model.net.vocabulary, 512)  # its tokenizer cuts descriptions into letters
    pipe.model.max_tokens = pipe.model.layout.max_prompt
    return pipe


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def records() -> list[AttributeRecord]:
    return [AttributeRecord(gender="man", beard=True), AttributeRecord(smile=True), AttributeRecord()]


def query(differs: list[int], fits: list[int] = ()) -> EditQuery:
    """Predictions that differ at some tokens; at others the image's own code is less likely afterwards."""

    def predicts(after: bool):
        def denoise(x_BN, t_B):
            logits = torch.zeros(*x_BN.shape, CODES)
            logits[:, differs, 3 if after else 5] = 6.0
            logits[:, list(fits), 1 if after else 0] = 2.0
            return logits

        return denoise

    codes = torch.zeros(2, 16, dtype=torch.int64)
    return EditQuery(codes, CODES, GRID, predicts(False), predicts(True), [0, 1], [0, 1], 32)


def editor(pipe, **more) -> FaceEditor:
    return FaceEditor(pipe.model, more.pop("region", None), best_of=more.pop("best_of", 1), **more)


def test_the_region_is_where_the_predictions_differ():
    differs = [5, 6, 9]
    for select, share in (("gap", 0.5), ("share", 3 / 16)):
        found = PredictionDifference(smooth=0, select=select, share=share).find(query(differs))
        assert [row.nonzero().flatten().tolist() for row in found] == [differs, differs]
    assert PredictionDifference(select="share", share=0.25, growth=2).find(query(differs), grow=1).sum(1).tolist() == [
        8,
        8,
    ]
    grown = PredictionDifference(share=0.25, growth=9, max_share=0.7).find(query(differs), grow=5)
    assert grown.sum(1).tolist() == [11, 11]  # never more than the share
    assert grown[:, differs].all()


def test_the_measure_decides_what_a_difference_is():
    both = query([5], [10])
    assert PredictionDifference("kl", smooth=0, share=1 / 16).find(both)[0].nonzero().item() == 5
    assert PredictionDifference("log_ratio", smooth=0, share=1 / 16).find(both)[0].nonzero().item() == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "l2"}, "measure='l2'"),
        ({"select": "all"}, "select='all'"),
        ({"share": 0.0}, "share=0"),
        ({"levels": [0.0, 1.0]}, "levels="),
        ({"levels": []}, "levels="),
        ({"masks": 0}, "masks=0"),
        ({"growth": 0.5}, "growth=0.5"),
        ({"max_share": 0.3}, "max_share=0.3"),
        ({"max_share": 1.5}, "max_share=1.5"),
    ],
)
def test_values_out_of_range_are_refused(options: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        PredictionDifference(**options)


def test_a_box_and_a_mask_choose_the_tokens_that_they_touch():
    assert BoxRegion([0, 0, 0.5, 0.3]).find(query([]))[0].nonzero().flatten().tolist() == [0, 1, 4, 5]
    assert BoxRegion([0, 0, 0.25, 0.25]).find(query([]), grow=1)[0].nonzero().flatten().tolist() == [0]
    mask = np.zeros((32, 32), bool)
    mask[17, 8:10] = True
    for one in (mask, Image.fromarray(mask), torch.from_numpy(mask)):
        assert MaskRegion(one).find(query([]))[1].nonzero().flatten().tolist() == [9]
    with pytest.raises(DataError, match="no pixel"):
        MaskRegion(np.zeros((32, 32)))
    two = np.zeros((2, 32, 32))
    two[0, 0, 0] = two[1, 31, 31] = 1
    assert MaskRegion(two).find(query([])).nonzero().tolist() == [[0, 0], [1, 15]]
    with pytest.raises(DataError, match="2 masks for more results"):
        MaskRegion(two).find(replace(query([]), places=[1, 2]))


def test_tokens_outside_the_region_are_kept_and_pixels_with_pasting(pipe, pictures, records):
    made = editor(pipe).edit(pictures, "with glasses", records=records)
    before = pipe.model.encode(pictures)
    assert torch.equal(made.codes[~made.region], before[~made.region])
    assert 0 < made.region.sum() < made.region.numel()
    assert torch.equal(made.images, pipe.model.decode(made.codes))
    region = torch.zeros(3, 16, dtype=torch.bool)
    region[:, 5] = True
    pasted = paste_region(pictures, made.images, region, GRID)
    assert torch.equal(pasted[:, :, 8:16, 8:16], made.images[:, :, 8:16, 8:16])
    assert torch.equal(pasted[:, :, 20:], pictures[:, :, 20:])
    hard = paste_region(pictures, made.images, region, GRID, feather=0)
    assert torch.equal(hard[:, :, :8], pictures[:, :, :8])


def test_an_edit_does_not_depend_on_the_rest_of_the_batch(pipe, pictures, records):
    words = ["with glasses", "without beard", "blond hair"]
    batch = editor(pipe, best_of=2, batch_size=4).edit(pictures, words, seeds=[4, 5, 6], records=records)
    alone = editor(pipe, best_of=2).edit(pictures[1:2], words[1], seeds=[5], records=records[1:2])
    assert torch.equal(batch.codes[1], alone.codes[0])
    assert torch.equal(batch.region[1], alone.region[0])


def test_the_region_grows_until_the_model_sees_the_change(pipe, pictures, records, monkeypatch):
    seen = iter([[True, False, False], [False, True]])
    monkeypatch.setattr("unif2ace.inference.editing.shows", lambda model, images, wanted: next(seen))
    made = editor(pipe, attempts=2).edit(pictures, "with glasses", records=records)
    assert made.attempts == (1, 2, 2)
    assert made.confirmed == (True, False, True)
    once = editor(pipe).edit(pictures, "with glasses", records=records)
    assert torch.equal(made.region[0], once.region[0])
    assert made.region[2].sum() > once.region[2].sum()
    free = editor(pipe, attempts=3).edit(pictures[:1], "in space", records=records[:1])
    assert (free.attempts, free.confirmed) == ((1,), (None,))


def test_the_best_attempt_is_kept(pipe, pictures, records, monkeypatch):
    seen = iter([[True, False, False], [False, False], [False, True]])
    fits = iter([[0, 0, 0], [0, 0, 0], [5, 1], [0, 0], [-1, -9], [0, 0]])  # after and before the edit in turn
    monkeypatch.setattr("unif2ace.inference.editing.shows", lambda model, images, wanted: next(seen))
    monkeypatch.setattr(type(pipe.model), "likelihood", lambda *given, **more: torch.tensor(next(fits)))
    region = PredictionDifference(select="share", share=0.25, growth=1.5)
    made = editor(pipe, region=region, attempts=3).edit(pictures, "with glasses", records=records)
    assert (made.attempts, made.kept, made.confirmed) == ((1, 3, 3), (1, 2, 3), (True, False, True))
    assert made.region.sum(1).tolist() == [4, 6, 9]


def test_the_note_says_which_attempt_is_kept(pipe, pictures, monkeypatch):
    monkeypatch.setattr("unif2ace.inference.editing.shows", lambda model, images, wanted: [False] * len(images))
    made = pipe.edit(pictures[0], "with glasses", attempts=2, best_of=1, num_inference_steps=1)
    assert re.search("does not see the change in any of 2 attempts: attempt [12] is kept", made.notes[0])


def test_every_requested_value_has_a_question_that_shows_it():
    class Model:
        def ask(self, images, questions):
            return ["Yes."] * len(questions)

    wanted = [checks({"eyeglasses": True}), checks({"eyeglasses": False}), checks({"smile": True, "hat": False})]
    assert [len(some) for some in wanted] == [1, 1, 2]
    assert shows(Model(), torch.zeros(3, 1), wanted) == [True, False, False]
    for values in ({"hair_colour": "red"}, {"emotion": "sadness"}, {"age": "elderly"}, {"black_hair": False}):
        assert checks(values)


def test_a_request_changes_what_contradicts_it():
    record = AttributeRecord(frown=True, emotion="anger", sunglasses=True)
    assert consequences(record, {"smile": True}) == {"smile": True, "frown": False, "emotion": "happiness"}
    glasses = consequences(record, {"eyeglasses": True}, seed=1)
    assert glasses == {"sunglasses": False, "eyeglasses": True, "glasses_shape": "rectangular"}
    assert consequences(record, {"black_hair": False}) == {"black_hair": False}
    assert consequences(AttributeRecord(), {"smile": True}) == {"smile": True}


def test_the_pipeline_edits_pictures_and_says_how(pipe, pictures, tmp_path: Path):
    picture = Image.fromarray(pictures[0].permute(1, 2, 0).numpy()).resize((64, 64))
    made = pipe.edit(picture, "with glasses", num_images=2, seed=3, best_of=1, num_inference_steps=2)
    again = pipe.edit(picture, "with glasses", seed=4, best_of=1, num_inference_steps=2)
    assert made.seeds == [3, 4]
    assert np.array_equal(made.numpy()[1], again.numpy()[0])
    assert not np.array_equal(made.numpy()[0], made.numpy()[1])
    assert "eyeglasses" in made.notes[0]
    files = made.save(tmp_path)
    text = Image.open(files[0]).text
    assert (text["generated"], text["prompt"], text["edit"], text["seed"]) == (
        "yes", "with glasses", "PredictionDifference", "3",
    )  # fmt: skip
    assert made.sheet(2).size[0] > 3 * 64
    assert [view.size for view in (*made.regions, *made.pictures)] == [(32, 32)] * 4


def test_a_mask_is_cut_as_its_picture_is(pipe):
    picture, mask = Image.new("RGB", (96, 64), "gray"), Image.new("L", (96, 64))
    mask.paste(255, (16, 0, 32, 16))  # the left upper corner of the middle square
    made = pipe.edit(picture, "with glasses", mask=mask, best_of=1, num_inference_steps=2)
    assert made.masks[0][:8, :8].all()
    assert made.masks[0].sum() == 64
    assert made.shares == (1 / 16,)
    several = pipe.edit([picture, picture], "with glasses", mask=[mask, Image.new("L", (96, 64), 255)], best_of=1,
                        num_inference_steps=1, num_images=2, batch_size=3)  # fmt: skip
    assert several.shares == (1 / 16, 1 / 16, 1, 1)
    with pytest.raises(DataError, match="the mask has 64x64 pixels, its picture 96x64"):
        pipe.edit(picture, "with glasses", mask=Image.new("L", (64, 64), 255))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": " "}, "prompt is empty"),
        ({"region": [0, 1, 1, 0.5]}, "region="),
        ({"region": [0, 0, 1, 1], "mask": Image.new("L", (32, 32), 255)}, "mask and region"),
        ({"attempts": 0}, "attempts=0"),
        ({"prompt": ["a", "b"]}, "1 images and 2 prompts"),
        ({"prompt": "with " + "glasses " * 900}, "tokens"),
        ({"stepz": 3}, "stepz"),
    ],
)
def test_faults_of_an_edit_are_named(pipe, options: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        pipe.edit(Image.new("RGB", (32, 32)), **{"prompt": "with glasses", **options})
