"""The classifier's maps are made at the size that it learned at, whatever the pictures' own."""

from __future__ import annotations

import torch

from unif2ace.nets.attributes import AttributesNet
from unif2ace.nets.features.classifier import ClassifierFeatures

IMAGE = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def _last(map_size: int | None, input_size: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    net = AttributesNet(["hair"] * 3, backbone="test_resnet", input_size=input_size).eval()
    seen = net.features(IMAGE)
    return ClassifierFeatures(lambda: net, map_size=map_size)(IMAGE / 127.5 - 1)[-1].flatten(1), seen


def test_maps_have_the_size_that_the_classifier_reads():
    for size in (None, 64):
        made, seen = _last(None, size)
        torch.testing.assert_close(made, seen)
    torch.testing.assert_close(_last(32, 64)[0], _last(None, None)[1])
