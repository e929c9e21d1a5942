"""Entropy regularisation of codes. Shapes: B samples, h x w cells, G factors of a code with K choices each."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from unif2ace.losses.base import LossCallback, over_rows
from unif2ace.types import LossTerm, StepOutput


class CodebookEntropyLoss(LossCallback):
    r"""Makes each vector's choice of code confident and the use of codes uniform (arXiv 2310.05737, section 3.1).

    Formula, with p the softmax of `Quantized.logits` (B, h, w, G, K) and H its entropy in nats:
    :math:`E[H(p)] - \gamma\,H(E[p])`, with E the mean over cells and valid samples, then the mean over factors. G times
    E[H(p)] is the mean entropy of whole codes. G times H(E[p]) is at least the entropy of their mean distribution, with
    equality if the batch uses the factors independently.

    E[p] is a batch mean, so the term is not a sum over samples. Under accumulation the loss is the mean of the
    micro-batches' terms, whose H(E[p]) is smaller than that of the whole batch. With `across_ranks`, E[p] and the
    averaged gradient equal those of the whole batch over all ranks.

    Args:
        weight: Factor of the term.
        diversity: :math:`\gamma`.
        across_ranks: Whether E[p] is a mean over all ranks; every rank must then compute the term.
        lfq_only: Whether the loss is 0 for quantizers other than ``lfq``, whose channels are bits. Without the loss
            ``lfq`` uses few of its codes; other quantizers use their codes evenly without it.
    """

    name = "codebook_entropy"
    needs = "quantized"
    reads = frozenset({"code_logits"})

    def __init__(
        self, weight: float = 0.1, diversity: float = 1.0, across_ranks: bool = True, lfq_only: bool = False
    ) -> None:
        super().__init__(weight)
        self.diversity, self.across_ranks = diversity, across_ranks
        self.reads = frozenset({"bit_logits" if lfq_only else "code_logits"})

    def compute(self, step: StepOutput) -> LossTerm:
        """E[H(p)] as a mean over samples, minus the batch's H(E[p]), which is not a sum over samples."""
        assert step.quantized is not None
        if step.quantized.logits is None:  # no bits
            return LossTerm(
                0.0 * step.quantized.straight_through.sum(), step.batch.valid.new_ones((), dtype=torch.float)
            )
        logits = step.quantized.logits
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        logp_BHWGK = logits.log_softmax(-1).masked_fill(logits == -torch.inf, 0)
        p_BHWGK = logits.softmax(-1)
        certainty_B = -(p_BHWGK * logp_BHWGK).sum(-1).flatten(1).mean(1)
        mean_GK = self._mean_over_valid(p_BHWGK.mean((1, 2)), step.batch.valid)
        spread = -(mean_GK * mean_GK.clamp(min=torch.finfo(mean_GK.dtype).tiny).log()).sum(-1).mean()
        term = over_rows(certainty_B, step)
        parts = {"choice": term.mean.detach(), "use": spread.detach()}
        return LossTerm(term.total - self.diversity * spread * term.count, term.count, parts)

    def _mean_over_valid(self, p_BGK: Tensor, valid_B: Tensor) -> Tensor:
        sum_GK = torch.where(valid_B[:, None, None], p_BGK, 0).sum(0)
        count = valid_B.sum().to(sum_GK.dtype)
        if not (self.across_ranks and dist.is_available() and dist.is_initialized()):
            return sum_GK / count.clamp(min=1)
        both = torch.cat([sum_GK.detach().flatten(), count[None]])
        dist.all_reduce(both)
        # each rank's own part carries the gradient, times the ranks because gradients are averaged over them
        own = (sum_GK - sum_GK.detach()) * dist.get_world_size()
        return (both[:-1].view_as(sum_GK) + own) / both[-1].clamp(min=1)
