"""`unif2ace.load`: faces, captions and answers in a line each, the same for the same seed whatever else is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_release import make_run

from unif2ace.errors import ConfigError
from unif2ace.inference.loading import load_model
from unif2ace.inference.release import open_release, write_release


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(run: Path):
    return load_model(run, device="cpu")


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_faces_are_pictures_of_the_models_size(model):
    faces = model.generate(["A smiling woman with red hair.", "Yes."], seeds=[5, 6])
    assert faces.shape == (2, 3, 32, 32)
    assert faces.dtype == torch.uint8
    assert not torch.equal(faces[0], faces[1])


def test_a_face_is_its_prompt_and_seed_whatever_stands_beside_it(model):
    alone = model.generate("A smiling woman with red hair.", seeds=[7])
    beside = model.generate(["No.", "A smiling woman with red hair.", "Yes."], seeds=[1, 7, 3], batch_size=2)
    assert torch.equal(alone[0], beside[1])
    other = model.generate("A smiling woman with red hair.", seeds=[8])
    assert not torch.equal(alone, other)


def test_the_best_of_several_faces_is_the_one_that_fits_the_words(model):
    prompts = ["A smiling woman with red hair.", "Is he wearing glasses?"]
    first = model.generate(prompts, seeds=[7, 8])
    each = [first, *(model.generate(prompts, seeds=[7 + (k << 32), 8 + (k << 32)]) for k in (1, 2))]
    log_p_KB = torch.stack([model.likelihood(faces, prompts) for faces in each])
    best = model.generate(prompts, seeds=[7, 8], best_of=3)
    for row, k in enumerate(log_p_KB.argmax(0).tolist()):
        assert torch.equal(best[row], each[k][row])
    assert torch.equal(model.generate(prompts, seeds=[7, 8], best_of=1), first)
    for wrong in ({"prompts": prompts, "best_of": 0}, {"prompts": [""], "best_of": 2}):
        with pytest.raises(ConfigError, match=f"best_of={wrong['best_of']}"):
            model.generate(**wrong)


def test_the_likelihood_of_a_text_is_that_of_a_plain_pass_over_it(model, pictures):
    texts = ["Red.", "Yes.", "No."]
    found = model.likelihood(pictures, texts, batch_size=2)
    asked = model.ids(["Describe this face briefly."])
    for row, text in enumerate(texts):
        picture = pictures[row : row + 1]
        rows = model.layout.understanding(model.encode(picture), *asked, *model.ids([text]))
        said = rows.target[0] >= 0
        said[rows.image_token_positions[0]] = False
        with torch.no_grad():
            hidden = model.net(rows, {name: encoder(picture) for name, encoder in model.visual_encoders.items()}).values
            log_p = model.net.logits(hidden[0, said], "text").log_softmax(-1)
        assert float(found[row]) == pytest.approx(float(log_p.gather(1, rows.target[0, said, None]).sum()), abs=1e-3)


def test_known_tokens_stay(model, pictures):
    codes = model.encode(pictures[:1]).clone()
    size = model.net.vocabulary.codebook_size
    start = codes.clone()
    start[:, 8:] = size
    face = model.generate("Yes.", start=start)
    again = model.encode(face)
    assert face.shape == (1, 3, 32, 32)
    assert model.generate("Yes.", start=codes).equal(model.reconstruct(pictures[:1]))
    assert again.shape == codes.shape


def test_answers_do_not_depend_on_the_other_rows(model, pictures):
    questions = ["Is he wearing glasses?", "Describe this face.", "Is he wearing glasses?"]
    together = model.ask(pictures, questions, max_new=8)
    apart = [model.ask(pictures[i : i + 1], questions[i : i + 1], max_new=8)[0] for i in range(3)]
    assert together == apart
    assert all(isinstance(answer, str) for answer in model.caption(pictures, max_new=5))


def test_choices_come_with_probabilities(model, pictures):
    chosen = model.choose(pictures, ["Is he wearing glasses?"] * 3, ["Yes", "No"])
    for one in chosen:
        assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert one.probabilities[one.answer] == max(one.probabilities.values())
    with pytest.raises(ConfigError, match="at least two"):
        model.choose(pictures, ["Yes."] * 3, ["Yes"])


def test_what_the_classifier_sees_matters(model, pictures):
    prefix, said = model.asked(pictures, ["Is he wearing glasses?"] * 3)
    assert said["classifier"].present.all()
    with torch.inference_mode():
        known = model.net(prefix, said).values[:, -1]
        unknown = model.net(prefix, {}).values[:, -1]
    assert not torch.allclose(known, unknown)


def test_a_visual_encoder_that_is_dropped_says_nothing(run: Path, model, pictures):
    blind = load_model(run, device="cpu")
    with pytest.raises(ConfigError, match="drop_encoders=identity: the visual encoders of this model are classifier"):
        blind.drop_encoders(["identity"])
    text, number = "Yes.", len(pictures)
    assert torch.equal(blind.likelihood(pictures, [text] * number), model.likelihood(pictures, [text] * number))
    blind.drop_encoders(["classifier"])
    _, said = blind.asked(pictures, ["Is he wearing glasses?"] * number)
    assert not said
    assert not torch.equal(blind.likelihood(pictures, [text] * number), model.likelihood(pictures, [text] * number))


def test_wrong_sizes_and_numbers_are_named(model, pictures):
    with pytest.raises(ConfigError, match="32x32"):
        model.encode(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="one seed for each prompt"):
        model.generate(["Yes.", "No."], seeds=[1])


def test_a_release_in_half_precision_answers_alike(run, model, pictures, tmp_path: Path):
    folder = write_release(open_release(run), tmp_path / "release", lambda stored: "card")
    packed = load_model(folder, device="cpu")
    assert packed.image_size == model.image_size
    first, second = (m.net.head.weight for m in (model, packed))
    torch.testing.assert_close(first, second, atol=1e-3, rtol=1e-3)
    assert packed.generate("Yes.", seeds=[1]).shape == (1, 3, 32, 32)
