"""Peak signal-to-noise ratio of reconstructions. Shapes: B images of H x W pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.metrics.base import StepMetric
from unif2ace.metrics.pictures import picture_pairs
from unif2ace.types import StepOutput


class PSNRMetric(StepMetric):
    r"""Mean PSNR over images uint8 (B, 3, H, W), in dB; higher is better.

    Formula, with the mean squared difference m of the image's 3 H W values in 0..255: :math:`10 \log_{10} (255^2 / m)`.
    An exact reconstruction would have an infinite ratio, so :math:`m` is at least :math:`1 / (3 H W)`, as if one value
    differed by one. NaN without images.
    """

    kinds = frozenset({"tokenizer"})
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, step: StepOutput) -> None:
        """Adds the valid samples."""
        real, made = picture_pairs(step)
        squares_B = (made.double() - real.double()).square().flatten(1)
        mse_B = squares_B.sum(1).clamp(min=1) / squares_B.shape[1]
        self.total = self.total + 10 * (255**2 / mse_B).log10().sum()
        self.count = self.count + len(real)

    def compute(self) -> dict[str, Tensor]:
        """``psnr`` in dB, float ()."""
        return {"psnr": (self.total / self.count).float()}
