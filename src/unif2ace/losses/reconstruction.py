"""Absolute, squared and gradient differences between a reconstruction and its image."""

from __future__ import annotations

from torch import Tensor

from unif2ace.losses.base import LossCallback, over_rows
from unif2ace.types import LossTerm, StepOutput


class ReconstructionLoss(LossCallback):
    r"""Weighted L1, L2 and image-gradient distance between images (B, 3, H, W), values in [-1, 1].

    Formula, for an image x and its reconstruction y:
    :math:`a\,|y - x| + b\,(y - x)^2 + c\,(|\partial_h (y - x)| + |\partial_w (y - x)|)`, each term a mean over pixels
    and channels. The last term compares differences of neighbouring pixels, which keeps edges sharp in small images.

    Args:
        weight: Factor of the term.
        l1: a, factor of the absolute difference.
        l2: b, factor of the squared difference.
        gradient: c, factor of the image-gradient difference.
    """

    name = "reconstruction"
    needs = "reconstruction"

    def __init__(self, weight: float = 1.0, l1: float = 1.0, l2: float = 0.0, gradient: float = 0.0) -> None:
        super().__init__(weight)
        self.l1, self.l2, self.gradient = l1, l2, gradient

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum of one value per sample; accumulation and several ranks give the whole batch's value."""
        assert step.image is not None
        assert step.reconstruction is not None
        d_BCHW = step.reconstruction - step.image
        loss_B = d_BCHW.new_zeros(len(d_BCHW))
        if self.l1:
            loss_B = loss_B + self.l1 * _mean(d_BCHW.abs())
        if self.l2:
            loss_B = loss_B + self.l2 * _mean(d_BCHW.square())
        if self.gradient:
            loss_B = loss_B + self.gradient * (_mean(d_BCHW.diff(dim=2).abs()) + _mean(d_BCHW.diff(dim=3).abs()))
        return over_rows(loss_B, step)


def _mean(x_BCHW: Tensor) -> Tensor:
    return x_BCHW.flatten(1).mean(1)
