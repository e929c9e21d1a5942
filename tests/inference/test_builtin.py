"""The checkpoint that comes with the package: small, whole, named nowhere else, and better than noise."""

from __future__ import annotations

import re

import pytest
import torch

from unif2ace.inference.loading import load_model
from unif2ace.inference.release import BUILTIN
from unif2ace.synthetic import render, sample_face

MEGABYTES = 32


@pytest.fixture(scope="module")
def model():
    return load_model(device="cpu")


def test_it_is_small_and_whole():
    files = {file.name: file.stat().st_size for file in BUILTIN.iterdir() if file.is_file()}
    assert files.keys() >= {"attributes.safetensors", "tokenizer.safetensors", "unified.safetensors", "card.md"}
    assert sum(files.values()) < MEGABYTES * 1e6


def test_its_card_says_how_it_was_made_and_how_good_it_is():
    card = (BUILTIN / "card.md").read_text(encoding="utf-8")
    assert re.search(r"unif2ace-train experiment=unified/synthetic", card)
    assert re.search(r"attribute agreement.*\| 0\.\d+ \| 0\.\d+ to 0\.\d+ \|", card)
    assert "## License" in card


def test_no_place_of_a_machine_is_in_it():
    for file in BUILTIN.iterdir():
        assert not re.search(rb'"/(tmp|home|root|work|mnt|data)/', file.read_bytes()[:200_000]), file.name


def test_it_draws_what_it_is_told(model):
    colours = {"black": (60, 60, 60), "blond": (225, 190, 110)}
    means = {}
    for colour in colours:
        faces = model.generate([f"A woman with long {colour} hair."] * 4, seeds=range(4))
        assert faces.shape == (4, 3, 64, 64)
        means[colour] = faces[:, :, :32].float().mean((0, 2, 3))
    assert (means["blond"] - means["black"]).sum() > 15
    again = model.generate(["A woman with long blond hair."], seeds=[2])
    assert (again[0].float() - faces[2].float()).abs().mean() < 3  # other sizes of a batch are rounded differently


def test_its_tokenizer_gives_faces_back_and_it_speaks_of_them(model):
    pictures = torch.from_numpy(render([sample_face(seed) for seed in range(9000, 9004)], 64)).permute(0, 3, 1, 2)
    back = model.reconstruct(pictures)
    error = (back.float() - pictures.float()).square().flatten(1).mean(1)
    assert (10 * torch.log10(255**2 / error)).mean() > 22
    captions = model.caption(pictures, max_new=60)
    assert all(len(caption.split()) > 3 for caption in captions)
    choice = model.choose(pictures[:1], ["Is the person wearing glasses?"], ["Yes", "No"])[0]
    assert sum(choice.probabilities.values()) == pytest.approx(1, abs=1e-5)
