"""How likely the validation pictures' tokens are to the model: the likelihood bound. G rows generate."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.metrics.base import StepMetric
from unif2ace.types import StepOutput


class BoundMetric(StepMetric):
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
        if unified is None or unified.bound is None or unified.noised is None:
            return
        valid_G = step.batch.valid[unified.noised.row]
        self.total = self.total + torch.where(valid_G, unified.bound.double(), 0).sum()
        self.count = self.count + valid_G.sum()

    def compute(self) -> dict[str, Tensor]:
        """``bound`` in nats per image token."""
        return {"bound": (self.total / self.count).float()}

    def describe(self) -> dict[str, str]:
        """Unit and number of pictures."""
        return {"bound": f"nats per image token, one draw of {int(self.count):,} pictures"}
