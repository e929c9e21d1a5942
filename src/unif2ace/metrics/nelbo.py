"""How likely the validation pictures' tokens are to the model: the likelihood bound. G rows generate."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.metrics.base import StepMetric
from unif2ace.types import StepOutput


class NELBOMetric(StepMetric):
    """Mean over pictures of the upper bound of the negative log-likelihood, nats per image token; lower is better.

    One draw of time and masks for each picture. Its expectation is the bound, whatever noise the model was trained
    with, so objectives can be compared by it; tokenizers cannot. Not a number if no row generates.
    """

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, step: StepOutput) -> None:
        """Adds the valid rows that generate."""
        unified = step.unified
        if unified is None or unified.nelbo is None or unified.corrupted is None:
            return
        valid_G = step.batch.valid[unified.corrupted.sample]
        self.total = self.total + torch.where(valid_G, unified.nelbo.double(), 0).sum()
        self.count = self.count + valid_G.sum()

    def compute(self) -> dict[str, Tensor]:
        """``nelbo`` in nats per image token."""
        return {"nelbo": (self.total / self.count).float()}

    def describe(self) -> dict[str, str]:
        """Unit and number of pictures."""
        return {"nelbo": f"nats per image token, one draw of {int(self.count):,} pictures"}
