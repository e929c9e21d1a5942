"""Structural similarity of reconstructions. Shapes: B images of H x W pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from unif2ace.metrics.base import StepMetric
from unif2ace.metrics.pictures import picture_pairs
from unif2ace.types import StepOutput


class SSIMMetric(StepMetric):
    """Mean structural similarity index over images uint8 (B, 3, H, W), at most 1; higher is better.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 2004. Windows are
    Gaussian with a standard deviation of 1.5 pixels, edges are reflected, and the constants are 0.01 and 0.03. Values
    are in 0..255, and colour channels are compared separately, as in torchmetrics. NaN without images.
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
        if not len(real):
            return
        with torch.autocast(real.device.type, enabled=False):  # half precision ruins small variances
            ssim_B = structural_similarity_index_measure(
                made.float(), real.float(), data_range=255.0, reduction="none", sigma=1.5, k1=0.01, k2=0.03
            )
        assert isinstance(ssim_B, Tensor)
        self.total = self.total + ssim_B.double().sum()
        self.count = self.count + len(real)

    def compute(self) -> dict[str, Tensor]:
        """``ssim``, float (), between -1 and 1."""
        return {"ssim": (self.total / self.count).float()}
