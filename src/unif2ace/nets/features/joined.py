"""Joins the frozen features of several networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.features.base import FrozenFeatures


class JoinedFeatures(FrozenFeatures):
    """Returns the feature maps of all members in one tuple; pooled features and name are those of the first member.

    A perceptual loss on ImageNet features alone gives sharp reconstructions that lose details described in captions.
    Features of the attribute classifier preserve these details.

    Args:
        members: Builders of the networks, by name.

    Raises:
        ConfigError: If there is no member.
    """

    def __init__(self, members: Mapping[str, Callable[[], FrozenFeatures]]) -> None:
        super().__init__()
        if not members:
            raise ConfigError("features.members={}: at least one network is needed")
        self.members = nn.ModuleDict({name: make() for name, make in members.items()})
        self.name, self.num_features = self._first.name, self._first.num_features
        self.likes_half = all(bool(member.likes_half) for member in self.members.values())

    @property
    def _first(self) -> FrozenFeatures:
        first = next(iter(self.members.values()))
        assert isinstance(first, FrozenFeatures)
        return first

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Feature maps (B, C, h, w) of every member, finest first within a member; see `FrozenFeatures.forward`."""
        return tuple(found for member in self.members.values() for found in member(image))

    def pooled(self, image: Tensor) -> Tensor:
        """The first member's feature vectors, float (B, D); see `FrozenFeatures.pooled`."""
        return self._first.pooled(image)
