"""The classifier's backbone: timm's, without its import."""

from __future__ import annotations

import pytest
import timm
import torch

from unif2ace.nets.resnet10t import ResNet10T


@pytest.mark.parametrize("size", [32, 33])
def test_weights_maps_features_and_gradients_are_those_of_timm(size: int):
    channels = (8, 16, 24, 32)
    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t", num_classes=0, channels=channels)
    torch.manual_seed(0)
    ours = ResNet10T(channels)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for ours_, theirs_ in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert ours_.equal(theirs_)
        ours_.copy_(theirs_.copy_(torch.rand_like(theirs_.float()) + 0.1))
    assert (ours.num_features, ours.head_hidden_size) == (theirs.num_features, theirs.head_hidden_size)
    image = torch.randn(2, 3, size, size)
    for net in (ours, theirs):
        net(image).square().sum().backward()
        net.eval()
    for weight, same in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, same.grad)
    torch.testing.assert_close(ours(image), theirs(image))
    torch.testing.assert_close(ours.forward_head(ours.forward_features(image)), theirs(image))
    for only in (True, False):
        maps = theirs.forward_intermediates(image, intermediates_only=only)
        torch.testing.assert_close(ours.forward_intermediates(image, intermediates_only=only), maps)
