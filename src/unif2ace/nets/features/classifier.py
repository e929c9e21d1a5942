"""Frozen features of the attribute classifier, for losses and metrics that compare attributes of faces."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from unif2ace.nets.attributes import AttributesNet
from unif2ace.nets.features.backbone import BackboneFeatures, digest_of_tensors


class ClassifierFeatures(BackboneFeatures):
    """Feature maps of the classifier's backbone, followed by its pooled features as (B, D, 1, 1).

    Args:
        net: Builds the trained classifier.
        input_size: Side in pixels to which images are resized before pooling.
        map_size: Side in pixels to which images are resized for the maps of `forward`. None takes the classifier's
            `input_size`, which may be None to keep the images' size.
    """

    likes_half = True

    def __init__(self, net: Callable[[], AttributesNet], input_size: int = 64, map_size: int | None = None) -> None:
        with torch.random.fork_rng(devices=[]):  # observers do not change a run
            classifier = net()
        backbone, map_size = classifier.backbone, map_size or classifier.input_size
        name = f"attributes-{digest_of_tensors(backbone)[:8]}"
        middle = (0.5, 0.5, 0.5)
        super().__init__(backbone, name, input_size, map_size, middle, middle)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Feature maps (B, C, h, w), finest first, then (B, D, 1, 1); see `FrozenFeatures.forward`."""
        x_BCHW = self._prepared(image.float(), self.map_size)
        last_BDhw, maps = self.net.forward_intermediates(x_BCHW)
        return (*maps, self.net.forward_head(last_BDhw, pre_logits=True)[..., None, None])
