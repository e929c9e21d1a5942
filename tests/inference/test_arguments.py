"""What a caller gives to the pipeline: of the right kind and number, or refused; never cut and never guessed."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from tiny_release import make_run

from unif2ace.errors import ConfigError, DataError, Unif2aceError
from unif2ace.evaluation.evaluator import Evaluator
from unif2ace.inference.loading import load_model
from unif2ace.inference.unified_model import UnifiedModel

IMAGES = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
QUESTION, LONG = "Is he wearing glasses?", "Is he wearing glasses? " * 40
GIVEN = {"questions": [QUESTION] * 2, "texts": ["Yes.", "No."], "choices": ["Yes", "No"], "max_new": 3}
PUBLIC = {
    name: inspect.signature(method)
    for name, method in inspect.getmembers(UnifiedModel, inspect.isfunction)
    if not name.startswith("_")
}
OF_IMAGES = sorted(name for name, signature in PUBLIC.items() if "images" in signature.parameters)
OF_TEXTS = sorted(n for n in OF_IMAGES if PUBLIC[n].parameters.keys() & {"questions", "texts"})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(make_run(tmp_path_factory.mktemp("model")), device="cpu")


def call(model, name: str, images=IMAGES, **changed):
    """A method with images, and with arguments for its other parameters."""
    parameters = PUBLIC[name].parameters
    given = {key: value for key, value in (GIVEN | changed).items() if key in parameters}
    return getattr(model, name)(images, **given)


def _plain(found):
    return [f.tolist() if isinstance(f, torch.Tensor) else f for f in found]


def test_the_methods_that_read_images_are_found():
    assert {"ask", "caption", "choose", "encode", "likelihood", "reconstruct"} <= set(OF_IMAGES)
    assert all(p.kind is not p.VAR_KEYWORD for signature in PUBLIC.values() for p in signature.parameters.values())


@pytest.mark.parametrize("name", [n for n in OF_IMAGES if n != "asked"])
def test_images_of_every_kind_give_the_same(model, name: str):
    wanted = _plain(call(model, name))
    for images in (IMAGES / 255, IMAGES.permute(0, 2, 3, 1).numpy(), IMAGES.long(), list(IMAGES)):
        assert _plain(call(model, name, images)) == wanted


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize(
    "images",
    [
        IMAGES / 127.5 - 1,
        IMAGES.float(),
        (IMAGES / 255).to(torch.uint8),
        IMAGES / torch.nan,
        IMAGES[:, :2],
        IMAGES[:, :, :16],
        IMAGES[:0],
        "face.png",
    ],
    ids=["signed", "bytes as floats", "black", "nan", "two channels", "half", "none", "path"],
)
def test_images_of_another_kind_are_refused(model, name: str, images):
    with pytest.raises(Unif2aceError, match="picture"):
        call(model, name, images)


def test_networks_and_the_evaluator_read_bytes_only(model):
    encoder = model.visual_encoders["classifier"]
    for read in (model.tokenizer.encode, encoder, encoder.net, encoder.net.features, encoder.net.probabilities):
        for images in (IMAGES / 255, IMAGES.permute(0, 2, 3, 1), IMAGES[0]):
            with pytest.raises(DataError, match="as_images"):
                read(images)
    evaluator = Evaluator(encoder.net, "")
    assert torch.equal(evaluator.sees(IMAGES / 255)[1], evaluator.sees(IMAGES)[1])
    with pytest.raises(DataError, match=r"\(x \+ 1\) / 2"):
        evaluator.sees(IMAGES / 127.5 - 1)


@pytest.mark.parametrize("name", OF_TEXTS)
def test_each_image_has_one_text(model, name: str):
    key = "texts" if "texts" in PUBLIC[name].parameters else "questions"
    for images, texts in ((IMAGES, [QUESTION]), (IMAGES[:1], [QUESTION] * 2), (IMAGES, [])):
        with pytest.raises(ConfigError, match=rf"{len(images)} images and {len(texts)} {key}"):
            call(model, name, images, **{key: texts})
    with pytest.raises(ConfigError, match="of type int: give a string"):
        call(model, name, **{key: [QUESTION, 3]})
    if name != "asked":
        assert _plain(call(model, name, **{key: QUESTION})) == _plain(call(model, name, **{key: [QUESTION] * 2}))


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        ("Yes", r"choices=Yes: must be a list, such as choices=\[Yes\]"),
        (["Yes"], "at least two"),
        (["Yes", "No", "Yes"], "'Yes' appears twice"),
        (["Yes", " "], "none of them empty"),
        (["Yes", "yes"], "'Yes' and 'yes' count as the same answer"),
        (["red hair", "Red  hair "], "count as the same answer"),
        (["\u00e9tudiant", "e\u0301tudiant"], "count as the same answer"),
        (["Yes", 3], "give a string"),
        (["Yes", LONG], "choice 2 of 2"),
    ],
)
def test_choices_are_different_answers(model, choices, why: str):
    with pytest.raises(ConfigError, match=why):
        model.choose(IMAGES, QUESTION, choices)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda m: m.generate([]), "give at least one prompt"),
        (lambda m: m.generate(["Yes.", 3]), "give a string"),
        (lambda m: m.generate("Yes.", seeds=5), "seeds=5: must be a list"),
        (lambda m: m.generate("Yes.", batch_size=0), "batch_size=0"),
        (
            lambda m: m.generate(["Yes.", "No."], start=torch.zeros(1, 16, dtype=torch.int64)),
            r"of shape \(2, 16\)",
        ),
        (lambda m: m.generate("Yes.", start=torch.full((1, 16), 17)), r"in 0\.\.16"),
        (lambda m: m.ask(IMAGES, QUESTION, seeds=[1]), "2 images and 1 seeds"),
        (lambda m: m.caption(IMAGES, length="medium"), "length=medium"),
        (lambda m: m.caption(IMAGES, length=["long"]), "give long or short|give short or long"),
        (lambda m: m.caption(IMAGES, instruction=""), "question 1 of 2 is empty"),
        (lambda m: m.ask(IMAGES, [QUESTION, " "]), "question 2 of 2 is empty"),
        (lambda m: m.ask(IMAGES, {QUESTION, "Is she old?"}), "give a list, not a set"),
        (lambda m: m.ask(IMAGES, {QUESTION: 1, "Is she old?": 2}), "give a list, not a dict"),
        (lambda m: m.ask(IMAGES, "\ud800?"), "an unpaired surrogate"),
        (lambda m: m.ask(IMAGES, QUESTION, max_new=1.5), "max_new=1.5: give an integer of 1"),
        (lambda m: m.ask(IMAGES, QUESTION, batch_size="4"), "batch_size='4': give an integer of 1"),
        (lambda m: m.ask(IMAGES, QUESTION, seeds=[1, -1]), "seeds=-1: give an integer of 0"),
        (lambda m: m.ask(IMAGES, QUESTION, choice="greedy"), "choice='greedy' is of type str: give a TokenSampling"),
        (lambda m: m.generate("Yes.", seeds=[1.5]), "seeds=1.5"),
        (lambda m: m.generate("Yes.", seeds=["3"]), "seeds='3'"),
        (lambda m: m.generate("Yes.", guidance="2"), "guidance='2': give a finite number"),
        (lambda m: m.generate("Yes.", guidance=float("nan")), "guidance=nan"),
        (lambda m: m.generate("Yes.", best_of=1.5), "best_of=1.5"),
        (lambda m: m.generate("Yes.", sampler="maskgit"), "give a Sampler"),
        (lambda m: m.generate("Yes.", start="x"), r"start is of type str: give integers of shape \(1, 16\)"),
        (lambda m: m.generate("Yes.", start=torch.zeros(1, 16)), "start is torch.float32"),
        (lambda m: m.generate("Yes.", start=torch.zeros(1, 16, dtype=torch.bool)), "start is torch.bool"),
        (lambda m: m.drop_encoders("classifier"), r"such as drop_encoders=\[classifier\]"),
    ],
)
def test_numbers_and_lists_are_checked(model, call, why: str):
    with pytest.raises(ConfigError, match=why):
        call(model)


def test_what_means_the_same_gives_the_same(model):
    sampled = torch.full((1, 16), 16).index_fill(1, torch.arange(4), 3)
    wanted = model.generate("Yes.", seeds=[3], start=sampled)
    for start in (sampled.numpy(), sampled.tolist(), sampled.to(torch.uint8)):
        assert torch.equal(model.generate("Yes.", seeds=torch.tensor([3]), start=start), wanted)
    plain, blank = (model.choose(IMAGES, QUESTION, [yes, "No"]) for yes in ("Yes", " Yes "))
    assert [[*c.probabilities.values()] for c in plain] == [[*c.probabilities.values()] for c in blank]


@pytest.mark.parametrize("name", [*OF_TEXTS, "caption", "generate"])
def test_a_text_is_read_as_a_whole_or_refused(model, name: str):
    def read(text: str):
        if name == "generate":
            return model.generate(["Yes.", text])
        return call(model, name, questions=["Yes.", text], texts=["Yes.", text], instruction=text)

    tokens = len(model.text.encode([LONG])[0])
    assert tokens > model.max_tokens
    with pytest.raises(
        ConfigError, match=rf"has {tokens} tokens, but this model reads at most {model.max_tokens}: shorten"
    ):
        read(LONG)
    ids = model.text.encode([LONG])[0][: model.max_tokens]
    read(model.text.decode(ids))


def test_networks_in_training_refuse_what_their_layout_would_cut(model):
    room = model.layout.max_prompt
    ids, length = torch.full((1, room + 1), 5), torch.tensor([room + 1])
    for read in (
        lambda: model._decoder.draw(ids, length, [0], None),  # type: ignore[arg-type]
        lambda: model._decoder.prefix(torch.zeros(1, 16, dtype=torch.int64), None, ids, length),
    ):
        with pytest.raises(ConfigError, match=rf"{room + 1} tokens, but this model reads at most {room}"):
            read()


def test_unknown_options_are_refused_with_the_nearest_name(model, tmp_path: Path):
    run = make_run(tmp_path)
    for wrong, near in (("devise", "device"), ("tokeniser", "tokenizer")):
        with pytest.raises(ConfigError, match=rf"no option '{wrong}' .did you mean '{near}'"):
            load_model(run, **{wrong: "cpu"})
    with pytest.raises(ConfigError, match="device=gpu: not a PyTorch device; choose one of cpu"):
        load_model(run, device="gpu")
    with pytest.raises(TypeError, match="max_nwe"):
        model.caption(IMAGES, max_nwe=3)
