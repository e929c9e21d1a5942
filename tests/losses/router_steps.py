"""Steps of routers that chose as wanted."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.types import Batch, RouterStats, StepOutput, TokenSequence, UnifiedStep

NOTHING = torch.zeros(1, 1, dtype=torch.int64)


def stats_of(logits_TE: Tensor, group_T: Tensor, top_k: int, level: str = "token") -> RouterStats:
    """What a router of these logits does, by the definitions."""
    p_TE = logits_TE.softmax(-1)
    chosen_TE = torch.zeros_like(p_TE).scatter(1, logits_TE.topk(top_k).indices, 1).detach()
    z_T = logits_TE.logsumexp(-1).square()

    def of_groups(x: Tensor) -> Tensor:
        return torch.stack([x[group_T == g].sum(0) for g in range(2)])

    return RouterStats(
        level, of_groups(chosen_TE), of_groups(p_TE), of_groups(torch.ones_like(z_T)).detach(), of_groups(z_T)
    )


def step_of(*routers: RouterStats) -> StepOutput:
    """A step with these routers."""
    batch = Batch(torch.ones(2, dtype=torch.int8), torch.arange(2), torch.ones(2, dtype=torch.bool))
    sequence = TokenSequence(NOTHING, NOTHING, batch.task, NOTHING, None)
    return StepOutput(batch, unified=UnifiedStep(sequence, None, {}, routers))
