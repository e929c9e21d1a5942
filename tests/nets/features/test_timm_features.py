"""Backbones of timm: where weights come from, what they see, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

import unif2ace.nets.features.timm as module
from unif2ace.errors import ConfigError
from unif2ace.nets.attributes import AttributesNet
from unif2ace.nets.features.timm import TimmFeatures

BACKBONE = "resnet10t"


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(BACKBONE, num_classes=7).eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["safetensors", "pth", "ckpt"])
def test_weights_of_a_file_see_what_the_backbone_expects(net, image, tmp_path: Path, kind: str):
    path, state = tmp_path / f"w.{kind}", net.state_dict()
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state, "epoch": 3} if kind == "ckpt" else state, path)
    features = TimmFeatures(BACKBONE, weights=str(path), input_size=32)
    mean, std = (torch.tensor(net.pretrained_cfg[k]).view(3, 1, 1) for k in ("mean", "std"))
    expected = net.forward_head(net.forward_features((image / 255 - mean) / std), pre_logits=True)
    assert torch.allclose(features.pooled(image), expected, atol=1e-4)
    maps = net.forward_intermediates((image / 255 - mean) / std, intermediates_only=True)
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(features(image / 127.5 - 1), maps, strict=True))


@torch.no_grad()
def test_an_attribute_classifiers_backbone_in_a_training_checkpoint(image, tmp_path: Path):
    classifier = AttributesNet(["a"] * 5, BACKBONE).eval()
    state = {f"net.{key}": value for key, value in classifier.state_dict().items()}
    torch.save({"state_dict": state | {"other": torch.zeros(1)}}, tmp_path / "last.ckpt")
    half = (0.5, 0.5, 0.5)  # what the classifier sees: [-1, 1]
    features = TimmFeatures(BACKBONE, str(tmp_path / "last.ckpt"), "net.backbone.", input_size=32, mean=half, std=half)
    assert torch.allclose(classifier.heads["a"](features.pooled(image)), classifier(image), atol=1e-4)


def test_a_name_tells_weights_and_sizes(net, tmp_path: Path):
    names = []
    for shift in (0.0, 1.0):
        path = tmp_path / f"{shift}.pth"
        torch.save({k: v + shift if v.is_floating_point() else v for k, v in net.state_dict().items()}, path)
        names.append(TimmFeatures(BACKBONE, str(path), input_size=48).name)
    assert names[0] != names[1]
    assert all(name.startswith(f"{BACKBONE}-") and name.endswith("-48px") for name in names)


def test_published_weights_are_named_by_their_tensors(monkeypatch):
    made = []

    def create(backbone: str, pretrained: bool, num_classes: int):
        assert pretrained
        torch.manual_seed(len(made) // 2)
        made.append(timm.create_model(backbone, num_classes=num_classes))
        return made[-1]

    monkeypatch.setattr(module, "timm_network", create)
    names = [TimmFeatures(BACKBONE, pretrained=True).name for _ in range(3)]
    assert names[0] == names[1] != names[2]


def test_published_weights_that_cannot_be_had_say_what_to_do(monkeypatch):
    def offline(*args, **kwargs):
        raise FileNotFoundError("the hub is not reached")

    monkeypatch.setattr(module, "timm_network", offline)
    with pytest.raises(ConfigError, match=r"not reached.*weights=FILE.*efficientnet_lite0"):
        TimmFeatures(BACKBONE, pretrained=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "resnet10x", "weights": "w.pth"}, "did you mean"),
        ({"backbone": BACKBONE}, "weights=FILE"),
        ({"backbone": BACKBONE, "weights": "w.pth", "pretrained": True}, "weights=FILE"),
        ({"backbone": BACKBONE, "weights": "absent.pth"}, "absent.pth"),
        ({"backbone": BACKBONE, "weights": "text.pth"}, "cannot be read"),
        ({"backbone": BACKBONE, "weights": "text.safetensors"}, "cannot be read"),
        ({"backbone": BACKBONE, "weights": "number.pth"}, "no state dict"),
        ({"backbone": BACKBONE, "weights": "w.pth", "prefix": "model."}, "no tensor of .* has this prefix"),
        ({"backbone": "resnet18", "weights": "w.pth"}, "do not fit"),
    ],
)
def test_what_cannot_work_is_said(net, tmp_path: Path, monkeypatch, settings, message: str):
    monkeypatch.chdir(tmp_path)
    torch.save(net.state_dict(), "w.pth")
    torch.save(3, "number.pth")
    for name in ("text.pth", "text.safetensors"):
        Path(name).write_text("no tensors here")
    with pytest.raises(ConfigError, match=message):
        TimmFeatures(**settings)
