"""Features of several networks together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.features.base import FrozenFeatures
from unif2ace.nets.features.joined import JoinedFeatures


class _Scaled(FrozenFeatures):
    def __init__(self, name: str, factor: float, half: bool) -> None:
        super().__init__()
        self.name, self.num_features, self.factor, self.likes_half = name, 3, factor, half

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return image * self.factor, image[..., ::2, ::2] * self.factor

    def pooled(self, image: Tensor) -> Tensor:
        return image.float().mean((2, 3)) * self.factor


def test_maps_are_those_of_all_and_pooled_features_those_of_the_first():
    joined = JoinedFeatures({"a": lambda: _Scaled("a-64px", 2.0, True), "b": lambda: _Scaled("b-32px", -1.0, False)})
    image = torch.rand(2, 3, 8, 8, requires_grad=True)
    maps = joined(image)
    assert [m.shape[-1] for m in maps] == [8, 4, 8, 4]
    torch.testing.assert_close(maps[0], 2 * image)
    torch.testing.assert_close(maps[2], -image)
    sum(m.sum() for m in maps).backward()
    assert image.grad is not None
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    torch.testing.assert_close(joined.pooled(pixels), 2 * pixels.float().mean((2, 3)))
    assert (joined.name, joined.num_features, joined.likes_half) == ("a-64px", 3, False)


def test_no_member_is_an_error():
    with pytest.raises(ConfigError, match=r"features\.members=\{\}: at least one"):
        JoinedFeatures({})
