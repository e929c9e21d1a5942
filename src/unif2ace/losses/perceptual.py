"""Distance between the features of a reconstruction and its image. Shapes: B samples, C x H x W features per layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback, over_rows
from unif2ace.types import LossTerm, StepOutput

EPSILON = 1e-6
"""Added to squared norms, so that the gradient stays finite where all features of a position are 0."""


class PerceptualLoss(LossCallback):
    r"""Distance between frozen features (B, C, H, W), as in LPIPS (arXiv 1801.03924, eq. 1) without learned weights.

    Formula: :math:`\sum_l \frac{w_l}{H_l W_l} \sum_{h,w} \lVert \hat y^l_{hw} - \hat x^l_{hw} \rVert_2^2`, where the
    hat marks a feature vector divided by its norm. Each layer therefore adds between 0 and :math:`4 w_l`. LPIPS weights
    channels; this loss weights layers.

    Args:
        weight: Factor of the term.
        layers: w_l of each layer, finest first, 0 or more; None for 1 each.

    Raises:
        ConfigError: If a layer's weight is negative.
    """

    name = "perceptual"
    needs = "reconstruction"
    reads = frozenset({"features"})

    def __init__(self, weight: float = 1.0, layers: Sequence[float] | None = None) -> None:
        super().__init__(weight)
        if layers is not None and (min(layers, default=-1) < 0):
            raise ConfigError(f"loss.perceptual.layers={list(layers)}: give one weight, 0 or more, for each layer")
        self.layers = None if layers is None else tuple(layers)

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum of one value per sample; accumulation and several ranks give the whole batch's value.

        Args:
            step: Must hold `features`, (B, C, H, W) per layer; only those of the reconstruction receive a gradient.

        Returns:
            Sum and number of samples.

        Raises:
            ConfigError: If the numbers of layers and weights differ.
        """
        assert step.features is not None
        of_image, of_reconstruction = step.features
        weights = self.layers or (1.0,) * len(of_image)
        if len(weights) != len(of_image):
            raise ConfigError(
                f"loss.perceptual.layers has {len(weights)} weights, but the features have {len(of_image)} layers"
            )
        loss_B = torch.zeros(len(step.batch), device=of_image[0].device)
        for weight, x_BCHW, y_BCHW in zip(weights, of_image, of_reconstruction, strict=True):
            if weight:
                squares_BHW = (_unit(y_BCHW) - _unit(x_BCHW.detach())).square().sum(1)
                loss_B = loss_B + weight * squares_BHW.flatten(1).mean(1)
        return over_rows(loss_B, step)


def _unit(x_BCHW: Tensor) -> Tensor:
    x_BCHW = x_BCHW if x_BCHW.dtype == torch.float64 else x_BCHW.float()
    return x_BCHW * (x_BCHW.square().sum(1, keepdim=True) + EPSILON).rsqrt()
