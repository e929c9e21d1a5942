"""The pipeline for people: any form of a picture gives the same, wrong ones are named, one in is one out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from tiny_release import make_run

import unif2ace
from unif2ace.attributes import TAXONOMY
from unif2ace.data import images as reading
from unif2ace.data.images import read_pictures
from unif2ace.data.shards import decode_image
from unif2ace.data.sources.pictures import square_picture
from unif2ace.errors import ConfigError, DataError, Unif2aceError
from unif2ace.inference.face_finder import installed_finder
from unif2ace.inference.output import FacePipelineOutput
from unif2ace.inference.pipeline import FacePipeline
from unif2ace.synthetic import render, sample_face

FACE = render([sample_face(5)], 64)[0]
QUESTION = "Is he wearing glasses?"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="module")
def pipe(run: Path) -> FacePipeline:
    return unif2ace.load(run, device="cpu")


def _with_exif(orientation: int) -> Image.Image:
    """The face as a camera stores it that was turned."""
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 5: Image.Transpose.TRANSPOSE}[orientation]
    image = Image.fromarray(FACE).transpose(turn)
    image.getexif()[0x0112] = orientation
    return image


def _rgba() -> Image.Image:
    return Image.fromarray(np.dstack([FACE, np.full((64, 64), 255, np.uint8)]))


FORMS: dict[str, Any] = {
    "PIL": Image.fromarray(FACE),
    "RGBA": _rgba(),
    "turned by its camera": _with_exif(6),
    "upside down": _with_exif(3),
    "mirrored": _with_exif(5),
    "array, channels last": FACE,
    "array, channels first": FACE.transpose(2, 0, 1),
    "array with alpha": np.asarray(_rgba()),
    "float32": (FACE / 255).astype(np.float32),
    "float64": FACE / 255,
    "16 bits": FACE.astype(np.uint16) * 257,
    "tensor": torch.from_numpy(FACE).permute(2, 0, 1),
    "tensor, float": torch.from_numpy(FACE).permute(2, 0, 1) / 255,
    "tensor, half": (torch.from_numpy(FACE).permute(2, 0, 1) / 255).half(),
    "int64": torch.from_numpy(FACE).long(),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_face_in_any_form_gives_the_same(form: str, pipe: FacePipeline, tmp_path: Path):
    Image.fromarray(FACE).save(tmp_path / "face.png")
    for wanted in (tmp_path / "face.png", str(tmp_path / "face.png")):
        assert np.array_equal(pipe.read(FORMS[form])[0].pixels, pipe.read(wanted)[0].pixels)
    for call in (pipe.encode, lambda image: pipe.score(image, "Yes."), pipe.attributes):
        assert _plain(call(FORMS[form])) == _plain(call(tmp_path / "face.png"))


def _plain(found: Any) -> Any:
    return found.tolist() if isinstance(found, torch.Tensor) else found


def test_gray_palette_and_bilevel_are_the_same_as_their_colours(pipe: FacePipeline):
    gray = np.array(Image.fromarray(FACE).convert("L"))
    palette = Image.fromarray(FACE).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    alike = {
        "gray": [gray, gray[None], gray[..., None], gray / 255, torch.from_numpy(gray), Image.fromarray(gray)],
        "16 bits": [Image.fromarray(gray.astype(np.uint16) * 257), gray.astype(np.uint16) * 257],
        "alpha": [Image.fromarray(np.dstack([gray, gray * 0 + 255])), np.dstack([gray, gray * 0 + 255])],
    }
    wanted = pipe.read(np.repeat(gray[..., None], 3, 2))[0].pixels
    for forms in alike.values():
        for form in forms:
            assert np.array_equal(pipe.read(form)[0].pixels, wanted)
    assert np.array_equal(pipe.read(palette)[0].pixels, pipe.read(palette.convert("RGB"))[0].pixels)


def test_what_is_transparent_is_white_in_every_form(pipe: FacePipeline):
    clear = np.dstack([FACE, np.zeros((64, 64), np.uint8)])
    for form in (clear, clear / 255, torch.from_numpy(clear).permute(2, 0, 1), Image.fromarray(clear)):
        assert (pipe.read(form)[0].pixels == 255).all()


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tif"])
@pytest.mark.parametrize("shape", [(64, 64), (50, 90), (91, 50)])
def test_pictures_are_cropped_and_resized_as_training_data_is(ending: str, shape: tuple[int, int], tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    file = tmp_path / f"a.{ending}"
    Image.fromarray(pixels).resize(shape[::-1]).save(file)
    trained = square_picture(file.read_bytes(), 32)
    for form in (file, Image.open(file), decode_image(file.read_bytes()), np.asarray(Image.open(file)) / 255):
        assert np.array_equal(read_pictures(form, 32)[0][0].pixels, trained)


WRONG: list[tuple[Any, str]] = [
    (FACE / 127.5 - 1, r"floats -0.85.*\(x \+ 1\) / 2"),
    (FACE.astype(np.float32), "by x / 255"),
    (FACE / np.nan, "NaN"),
    (FACE.astype(np.uint16), "save it as 8 bits"),
    (FACE.astype(np.int64) * 257, "give 0..255"),
    (FACE > 128, "bool"),
    ((FACE / 255).round().astype(np.uint8), r"0 and 1 only.*\(255 \* x\)"),
    (np.zeros((64, 64, 5), np.uint8), r"shape \(64, 64, 5\): give \(H, W\)"),
    (np.zeros((2, 3, 64, 64, 1), np.uint8), "with 1 to 4 channels"),
    (np.zeros((0, 64, 3), np.uint8), r"shape \(0, 64, 3\)"),
    (None, "type NoneType: give the path of a file"),
    (5, "type int: give the path"),
    (b"bytes", "type bytes: give the path"),
    ({"a.png"}, "type set: give the path"),
    ([], "no picture is given"),
    (np.zeros((0, 3, 64, 64), np.uint8), "no picture is given"),
    ("nowhere.png", "nowhere.png does not exist"),
    ("https://example.org/a.png", "is a URL: download"),
    ("tests", "is a folder"),
    ([FACE, None], "picture 2 of 2: .*NoneType"),
    (Image.fromarray((FACE[..., 0] * 0.9).astype(np.float32)), "save it as 8 bits"),
]


@pytest.mark.parametrize(("wrong", "remedy"), WRONG, ids=[remedy[:20] for _, remedy in WRONG])
def test_what_is_no_picture_is_named_with_the_remedy(wrong: Any, remedy: str, pipe: FacePipeline, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    for call in (pipe.caption, pipe.attributes, pipe.variations, lambda image: pipe.ask(image, QUESTION)):
        with pytest.raises(DataError, match=remedy):
            call(wrong)


def test_a_lazily_opened_bomb_is_refused_before_it_is_decoded(pipe: FacePipeline, monkeypatch):
    bomb = Image.new("1", (20_000, 20_000))
    monkeypatch.setattr(bomb, "load", lambda: pytest.fail("decoded"))
    with pytest.raises(DataError, match="20000x20000; the limit is 100,000,000 pixels"):
        pipe.caption(bomb)


def test_one_in_is_one_out_and_several_in_are_several_out(pipe: FacePipeline):
    batch = torch.from_numpy(np.stack([FACE, FACE])).permute(0, 3, 1, 2)
    several = {"list": [FACE, Image.fromarray(FACE)], "tuple": (FACE, FACE), "batch": batch, "array": batch.numpy()}
    for images in several.values():
        assert [*map(type, pipe.ask(images, QUESTION, max_new=2))] == [str, str]
        assert len(pipe.ask(images, QUESTION, ["Yes", "No"])) == len(pipe.caption(images, max_new=2)) == 2
        assert [*map(type, pipe.score(images, "Yes."))] == [float, float]
        assert [*map(len, pipe.attributes(images))] == [len(TAXONOMY.labels)] * 2
    assert isinstance(pipe.ask(FACE, QUESTION, max_new=2), str)
    assert isinstance(pipe.score(FACE, "Yes."), float)
    assert isinstance(pipe.caption([FACE], max_new=2), list)
    assert isinstance(pipe.ask(FACE, [QUESTION], max_new=2), list)
    assert len(pipe.score(FACE, ["Yes.", "No.", "Red."])) == 3
    assert pipe.ask(FACE, QUESTION, ["Yes", "No"]) == pipe.ask([FACE], [QUESTION], ["Yes", "No"])[0]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda p: p.ask([FACE, FACE], [QUESTION] * 3), "2 images and 3 questions"),
        (lambda p: p.ask(FACE, []), r"question=\[\]"),
        (lambda p: p.ask(FACE, {QUESTION}), "not a set"),
        (lambda p: p.ask(FACE, 3), "question=3: must be a list"),
        (lambda p: p.score([FACE, FACE], ["Yes."]), "2 images and 1 texts"),
        (lambda p: p.variations([FACE, FACE], ["Yes."] * 3), "2 images and 3 prompts"),
        (lambda p: p.variations(FACE, "Yes.", strength=2), "share=2"),
        (lambda p: p([]), "give at least one prompt"),
        (lambda p: p(3), "prompt=3: must be a list"),
        (lambda p: p("Yes.", num_image=4), "no option 'num_image' .did you mean 'num_images'"),
        (lambda p: p("Yes.", num_images=0), "num_images=0"),
        (lambda p: p("Yes.", num_images=2, seed=[1]), "2 images and 1 seeds"),
        (lambda p: p(["Yes.", "No."], seed=[1, 2, 3]), "2 prompts and 3 seeds"),
        (lambda p: p("Yes.", seed=-1), "seed=-1"),
        (lambda p: p("Yes.", seed="1"), "seed='1'"),
        (lambda p: p("Yes.", seed=1, generator=torch.Generator()), "give only one of them"),
        (lambda p: p("Yes.", generator=3), "give a torch.Generator"),
        (lambda p: p("Yes.", num_inference_steps=0), "num_inference_steps=0"),
        (lambda p: p("Yes.", num_inference_steps=3, sampler="maskgit"), "no effect together with sampler"),
        (lambda p: p("Yes.", sampler="maskgit"), "give a Sampler"),
        (lambda p: p("Yes.", guidance_scale="2"), "guidance_scale='2'"),
        (lambda p: p("Yes.", callback_on_step_end=print, callback_on_step_end_tensor_inputs=["latents"]), "latents"),
        (lambda p: p.to("gpu"), "device=gpu: not a PyTorch device"),
        (lambda p: p.to(dtype="float23"), "dtype=float23: give one of float32.*did you mean 'float32'"),
    ],
)
def test_unequal_numbers_and_wrong_options_are_refused(call, why: str, pipe: FacePipeline):
    with pytest.raises(Unif2aceError, match=why):
        call(pipe)


def test_faces_are_their_prompts_and_seeds(pipe: FacePipeline):
    made = pipe("Yes.", num_images=3, seed=4, num_inference_steps=4)
    assert [image.size for image in made.images] == [(32, 32)] * 3
    assert (made.seeds, made.prompts) == ([4, 5, 6], ["Yes."] * 3)
    assert torch.equal(made.tensor(), pipe("Yes.", seed=[4, 5, 6], num_inference_steps=4).tensor())
    both = pipe(["No.", "Yes."], seed=[1, 2, 5, 6], num_inference_steps=4)
    assert both.prompts == ["No.", "No.", "Yes.", "Yes."]
    assert np.array_equal(both.numpy()[2:], made.numpy()[1:])
    first = pipe("Yes.", generator=torch.Generator().manual_seed(3), num_images=2)
    generator = torch.Generator().manual_seed(3)
    assert pipe("Yes.", generator=generator, num_images=2).seeds == first.seeds
    assert pipe("Yes.", generator=generator, num_images=2).seeds != first.seeds


def test_a_saved_face_says_that_it_is_generated(pipe: FacePipeline, tmp_path: Path):
    made = pipe("Yes.", num_images=2, seed=7)
    file = made.save(tmp_path)[1]
    assert file.read_bytes() == made.png(1)
    text = Image.open(file).text
    assert (text["generated"], text["prompt"], text["seed"]) == ("yes", "Yes.", "8")
    assert text["sampler"] == "MaskgitSampler(steps=16)"
    assert (repr(made), made._repr_html_().count("<img ")) == (
        "FacePipelineOutput(2 images of 32x32, seeds [7, 8])",
        2,
    )


def test_the_steps_are_reported_with_the_picture_of_the_moment(pipe: FacePipeline):
    steps: list[tuple[int, float]] = []
    masked, gray = [], []

    def on_step(model, step: int, time: float, kept: dict[str, Any]) -> None:
        assert model is pipe
        steps.append((step, time))
        masked.append(int((kept["codes"] == pipe.model.num_codes).sum()))
        cells = np.asarray(kept["images"][0]).reshape(4, 8, 4, 8, 3)
        gray.append(int((cells == 128).all(axis=(1, 3, 4)).sum()))

    wanted = pipe("Yes.", num_inference_steps=4)
    given = {"callback_on_step_end": on_step, "callback_on_step_end_tensor_inputs": ["codes", "images"]}
    assert np.array_equal(pipe("Yes.", num_inference_steps=4, **given).numpy(), wanted.numpy())
    assert steps == [(0, 1.0), (1, 0.75), (2, 0.5), (3, 0.25)]
    assert masked == gray
    assert masked == sorted(masked, reverse=True)
    assert masked[-1] == 0
    done: list[tuple[int, int]] = []
    pipe("Yes.", num_images=3, batch_size=2, progress=lambda *now: done.append(now))
    assert done == [(2, 3), (3, 3)]


def test_variations_keep_the_tokens_that_are_not_sampled(pipe: FacePipeline):
    codes = pipe.encode(FACE)
    same = pipe.variations(FACE, "Yes.", strength=0, num_images=2)
    assert isinstance(same, FacePipelineOutput)
    assert torch.equal(same.tensor(), pipe.model.decode(codes.repeat(2, 1)))
    made = pipe.variations(FACE, ["Yes.", "No."], strength=1, num_images=2, seed=3)
    assert (made.prompts, made.seeds) == (["Yes.", "Yes.", "No.", "No."], [3, 4, 5, 6])
    assert np.array_equal(made.numpy(), pipe(["Yes.", "No."], num_images=2, seed=3).numpy())


def test_attributes_are_those_of_the_models_own_classifier(pipe: FacePipeline):
    net = pipe.model.visual_encoders["classifier"].net
    image = torch.from_numpy(pipe.read(FACE)[0].pixels).permute(2, 0, 1)[None]
    with torch.no_grad():
        wanted = net.probabilities(image)[0].tolist()
    assert pipe.attributes(FACE) == pytest.approx(dict(zip(TAXONOMY.labels, wanted, strict=True)), abs=1e-5)
    other = pipe.attributes(FACE, classifier="builtin")
    assert other.keys() == pipe.attributes(FACE).keys()
    assert other != pipe.attributes(FACE)


def test_it_moves_and_says_what_it_is(run: Path):
    pipe = unif2ace.load(run, device="cpu")
    assert repr(pipe).endswith("32x32 pixels, 0.1 M parameters, cpu, float32)")
    assert pipe.to("cpu", torch.bfloat16) is pipe
    assert pipe.dtype == torch.bfloat16
    assert pipe("Yes.", num_inference_steps=2).images
    assert sum(pipe.ask(FACE, QUESTION, ["Yes", "No"]).probabilities.values()) == pytest.approx(1, abs=1e-2)
    assert "bfloat16" in pipe._repr_html_()
    with pytest.raises(AttributeError, match=r"'generate': it is a method on tensors, pipe\.model\.generate"):
        _ = pipe.generate
    with pytest.raises(AttributeError, match=r"FacePipeline has no 'drow'$"):
        _ = pipe.drow


class _Finder:
    """Finds the face in the right half, or none."""

    def __init__(self, corners: list[list[float]] | None) -> None:
        self.corners = corners

    def face(self, pixels: np.ndarray) -> np.ndarray | None:
        return None if self.corners is None else np.array(self.corners, np.float64)


def test_a_found_face_is_what_a_picture_is_cropped_to():
    wide = np.concatenate([np.zeros_like(FACE), FACE, np.zeros_like(FACE)], axis=1)
    right = [[64.0, 0.0], [64.0, 64.0], [128.0, 64.0], [128.0, 0.0]]
    (found,), _ = read_pictures(wide, 32, _Finder([[x - 64, y] for x, y in right]))
    assert found.note == "192x64, cut to its face of 64 pixels"
    assert (found.pixels[:, :-2] == 0).all()
    (middle,), _ = read_pictures(wide, 32, _Finder(None))
    assert middle.note == "192x64, cut to its middle 64x64: no face was found, resized to 32x32"
    (framed,), _ = read_pictures(wide, 32, _Finder([[x + 3, y + 2] for x, y in right]))
    assert np.array_equal(framed.pixels, middle.pixels)  # a picture that is framed as training data is stays as it is


def test_that_no_face_is_looked_for_is_said_once(caplog: pytest.LogCaptureFixture):
    reading._say_middle.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            read_pictures(FACE, 32)
            read_pictures([FACE[:40], FACE[:50]], 32)
    assert [record.message for record in caplog.records].count(
        "pictures are cropped to their central square; `pip install 'unif2ace[collect]'` to crop to the face"
    ) == 1


def test_a_face_is_found_with_dlib():
    if (finder := installed_finder()) is None:
        pytest.skip("needs the extra collect: make test-extras runs this")
    corners = finder.face(np.asarray(ImageOps.expand(Image.fromarray(render([sample_face(5)], 256)[0]), 60, "white")))
    assert corners is None or corners.shape == (4, 2)


def test_settings_that_are_wrong_name_the_key(pipe: FacePipeline):
    with pytest.raises(ConfigError, match="best_of=0"):
        pipe("Yes.", best_of=0)
