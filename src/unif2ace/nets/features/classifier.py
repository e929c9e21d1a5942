"""Frozen features of our own attribute classifier: what is lost in them is what a face's description tells."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from unif2ace.nets.attributes import AttributesNet
from unif2ace.nets.features.backbone import BackboneFeatures, digest_of_tensors


class ClassifierFeatures(BackboneFeatures):
    """Maps of the classifier's backbone, and last what its heads read, as a map of one cell.

    Args:
        net: Makes the trained classifier.
        input_size: Side in pixels to which pictures are resized before pooling.
        map_size: Side to which they are resized for the maps of `forward`; None for the size that the classifier
            learned at, or their own if it took any.
    """

    likes_half = True

    def __init__(self, net: Callable[[], AttributesNet], input_size: int = 64, map_size: int | None = None) -> None:
        with torch.random.fork_rng(devices=[]):  # no run changes with what observes it
            classifier = net()
        backbone, map_size = classifier.backbone, map_size or classifier.input_size
        name = f"attributes-{digest_of_tensors(backbone)[:8]}"
        middle = (0.5, 0.5, 0.5)
        super().__init__(backbone, name, input_size, map_size, middle, middle)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Maps at the ends of the stages, finest first, and (B, D, 1, 1); see `FrozenFeatures.forward`."""
        x_BCHW = self._prepared(image.float(), self.map_size)
        last_BDhw, maps = self.net.forward_intermediates(x_BCHW)
        return (*maps, self.net.forward_head(last_BDhw, pre_logits=True)[..., None, None])
