"""Codebook usage of a tokenizer. Shapes: K codes, h x w cells."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.metrics.base import StepMetric
from unif2ace.types import StepOutput


class CodebookMetric(StepMetric):
    r"""Usage of the codes over a split; reads ids int64 (B, h, w).

    Let :math:`p_k` be the fraction of all tokens of the split that are code k. The metric reports the fraction of codes
    with :math:`p_k > 0`, the number of unused codes, and the perplexity :math:`\exp(-\sum_k p_k \ln p_k)`, from 1 (one
    code) to K (uniform). A split of fewer than K tokens cannot use all codes. The perplexity is NaN without images.
    """

    kinds = frozenset({"tokenizer"})
    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        # one zero, which broadcasts: the first update sets the codebook's size
        self.add_state("counts", torch.zeros(1, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, step: StepOutput) -> None:
        """Counts the ids of valid samples.

        Raises:
            ConfigError: If the quantizer reports no codebook size, or the size has changed.
        """
        assert step.quantized is not None
        size = step.quantized.num_codes
        if size < 1 or len(self.counts) not in (1, size):
            raise ConfigError(
                f"metric=codebook: the codebook size changed from {len(self.counts)} to {size}; "
                "Quantized.num_codes must be constant"
            )
        ids = step.quantized.ids[step.batch.valid].flatten()
        self.counts = self.counts + torch.bincount(ids, minlength=size)

    def compute(self) -> dict[str, Tensor]:
        """``codebook_use`` in [0, 1], ``codebook_perplexity`` in [1, K] and ``codebook_dead``, from counts (K,)."""
        share_K = self.counts.double() / self.counts.sum()
        used = (self.counts > 0).sum()
        return {
            "codebook_use": (used / len(self.counts)).float(),
            "codebook_perplexity": torch.special.entr(share_K).sum().exp().float(),
            "codebook_dead": (len(self.counts) - used).float(),
        }
