"""What every frozen feature network promises, over all that configs/features names."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from omegaconf import OmegaConf

from unif2ace.engine import compose, instantiate
from unif2ace.engine.weights import save_weights
from unif2ace.nets.features.base import FrozenFeatures

CONFIGS = sorted((Path(__file__).parents[3] / "configs" / "features").glob("*.yaml"))


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda p: p.stem)
def make(request, tmp_path_factory) -> Any:
    config = OmegaConf.load(request.param)
    if "defaults" in config:
        config = OmegaConf.create(
            OmegaConf.to_container(
                compose("train", ["experiment=tokenizer/synthetic", f"features={request.param.stem}"]).features
            )
        )
    if "weights" in config and config.weights is None:
        config.weights = str(tmp_path_factory.mktemp("weights") / "w.pth")
        torch.save(timm.create_model(config.backbone).state_dict(), config.weights)
    for part in (config, *config.get("members", {}).values()):
        if "net" in part:
            part.net.path = _small_classifier(tmp_path_factory.mktemp("weights"))
    return instantiate(config)


def _small_classifier(folder: Path) -> str:
    net = {"_target_": "unif2ace.nets.attributes.AttributesNet", "groups": ["hair"] * 3, "backbone": "test_resnet"}
    save_weights(folder / "w.safetensors", instantiate(net), kind="attributes", config=net)
    return str(folder / "w.safetensors")


@pytest.fixture(scope="module")
def features(make) -> FrozenFeatures:
    return make()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)


def test_maps_stand_finest_first_and_pass_a_gradient_to_the_picture_only(features, image):
    x = (image / 127.5 - 1).requires_grad_()
    maps = features(x)
    for of_one in [member(x) for member in features.members.values()] if hasattr(features, "members") else [maps]:
        sides = [m.shape[-1] for m in of_one]
        assert sides == sorted(sides, reverse=True)
    assert all(m.ndim == 4 and len(m) == 3 for m in maps)
    sum(m.square().mean() for m in maps).backward()
    assert (x.grad.flatten(1).abs().sum(1) > 0).all()
    assert all(p.grad is None and not p.requires_grad for p in features.parameters())


def test_pooled_features_are_one_vector_a_picture_by_itself(features, image):
    pooled = features.pooled(image)
    assert pooled.shape == (3, features.num_features)
    assert not pooled.requires_grad
    alone = torch.cat([features.pooled(row[None]) for row in image])
    assert torch.allclose(pooled, alone, atol=1e-3)
    assert (pooled[0] - pooled[1]).abs().max() > 1e-3


def test_precision_and_mode_of_the_run_do_not_change_pooled_features(features, image):
    expected = features.pooled(image)
    features.train()
    assert not any(m.training for m in features.modules())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(features.pooled(image), expected)


def test_copies_are_equal(features, image):
    expected = features.pooled(image)
    for other in (copy.deepcopy(features), pickle.loads(pickle.dumps(features))):
        assert torch.equal(other.pooled(image), expected)
        assert other.name == features.name


def test_making_it_draws_no_random_number_and_keeps_its_precision(make, features, image):
    before = torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        made = make()
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), before)
    assert {p.dtype for p in made.parameters()} == {torch.float32}
    assert made(image.double() / 127.5 - 1)[0].dtype == torch.float32
    assert torch.allclose(made.pooled(image), features.pooled(image), atol=1e-4)


def test_its_name_tells_what_it_saw(features):
    assert "px" in features.name
    assert any(len(part) == 8 and int(part, 16) >= 0 for part in features.name.split("-")[1:])
