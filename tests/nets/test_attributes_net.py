"""The classifier's network: heads by group in the taxonomy's order, calibration only in evaluation."""

from __future__ import annotations

import pytest
import torch

from unif2ace.errors import ConfigError
from unif2ace.nets.attributes import AttributesNet

GROUPS = ["hair", "eyes", "hair", "mouth", "eyes"]


@pytest.fixture(scope="module")
def net() -> AttributesNet:
    torch.manual_seed(0)
    return AttributesNet(GROUPS, backbone="resnet10t").eval()


def test_outputs_stand_in_the_order_of_the_attributes(net: AttributesNet):
    image = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    logits, features = net(image), net.features(image)
    assert {name: head.out_features for name, head in net.heads.items()} == {"hair": 2, "eyes": 2, "mouth": 1}
    for place, (group, number) in enumerate([("hair", 0), ("eyes", 0), ("hair", 1), ("mouth", 0), ("eyes", 1)]):
        assert torch.allclose(logits[:, place], net.heads[group](features)[:, number], atol=1e-6)


def test_calibration_applies_in_evaluation_only():
    torch.manual_seed(0)
    net = AttributesNet(GROUPS, backbone="resnet10t").eval()
    image = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    raw = net(image)
    net.scale.copy_(torch.arange(1.0, 6.0))
    net.shift.fill_(-1)
    assert torch.allclose(net(image), raw * torch.arange(1.0, 6.0) - 1, atol=1e-5)
    assert torch.allclose(net.probabilities(image), net(image).sigmoid())
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0
    net.train()
    assert (net(image) - raw * torch.arange(1.0, 6.0) + 1).abs().max() > 0.1


def test_packaged_weights_are_those_of_the_frozen_features():
    from unif2ace.nets.features.efficientnet_lite0 import EfficientNetLite0Features

    net = AttributesNet(GROUPS, backbone="tf_efficientnet_lite0", pretrained=True, input_size=128)
    assert all(module.training for module in net.modules())  # nobody else calls train() before the first step
    net.eval()
    image = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    assert torch.allclose(net.features(image), EfficientNetLite0Features(128).pooled(image), atol=1e-4)
    assert all(p.requires_grad for p in net.parameters())


def test_a_wrong_backbone_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"resnet10tt.*resnet10t"):
        AttributesNet(GROUPS, backbone="resnet10tt")
