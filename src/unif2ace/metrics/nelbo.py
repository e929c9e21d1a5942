"""The likelihood bound of the validation images' tokens. Shapes: G T2I samples."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.metrics.base import StepMetric
from unif2ace.types import StepOutput


class NELBOMetric(StepMetric):
    """Mean over images of the upper bound of the negative log-likelihood (G,), nats per image token; lower is better.

    Time and masks are sampled once per image. The expectation is the bound for any forward process in training. Values
    can therefore be compared between training objectives, but not between tokenizers. NaN without T2I samples.
    """

    kinds = frozenset({"unified"})
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, step: StepOutput) -> None:
        """Adds the valid T2I samples."""
        unified = step.unified
        if unified is None or unified.nelbo is None or unified.corrupted is None:
            return
        valid_G = step.batch.valid[unified.corrupted.sample]
        self.total = self.total + torch.where(valid_G, unified.nelbo.double(), 0).sum()
        self.count = self.count + valid_G.sum()

    def compute(self) -> dict[str, Tensor]:
        """``nelbo`` in nats per image token, float (): the mean of all values (G,)."""
        return {"nelbo": (self.total / self.count).float()}

    def describe(self) -> dict[str, str]:
        """Unit and number of images."""
        return {"nelbo": f"nats per image token, one draw of {int(self.count):,} pictures"}
