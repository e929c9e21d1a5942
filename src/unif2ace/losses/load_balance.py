"""Uniform use of experts. Shapes: G groups (0 Gen, 1 Und), E experts of a group."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from unif2ace.losses.router import RouterLoss
from unif2ace.types import LossTerm, RouterStats, StepOutput

GROUPS = ("gen", "und")


class LoadBalanceLoss(RouterLoss):
    r"""Keeps routers from overloading a few experts (arXiv 2101.03961, eq. 4), with one loss per group as in UniF2ace.

    Formula, for each layer and group: :math:`E \sum_i f_i P_i`, where f_i is the fraction of all choices that selected
    expert i, and P_i is the expert's mean probability. The f_i sum to 1 for any number of experts per token. The value
    is 1 if f or P is uniform. The term is the mean over layers, summed over groups; a group without tokens adds 0.

    f and P are batch statistics, so the term is not a sum over samples. Under accumulation the loss is the mean of the
    micro-batches' terms. With `across_ranks` the averaged gradient equals that of the whole batch over all ranks.
    Padding samples are routed and counted like all others.

    Args:
        weight: Factor of the term.
        token_weight: Factor of the token-level part.
        sequence_weight: Factor of the sequence-level part; the part is logged even if the factor is 0.
        across_ranks: Whether f and P are statistics of all ranks; every rank must then compute the term.

    Raises:
        ConfigError: If a factor is negative.
    """

    name = "load_balance"

    def __init__(
        self, weight: float = 0.01, token_weight: float = 1.0, sequence_weight: float = 0.0, across_ranks: bool = True
    ) -> None:
        super().__init__(weight, token_weight, sequence_weight)
        self.across_ranks = across_ranks

    def compute(self, step: StepOutput) -> LossTerm:
        """The term, with a count of 1 per group that has tokens; 0 for a dense network."""
        routers = step.unified.routers if step.unified is not None else ()
        device = step.batch.task.device
        total_G, count_G = torch.zeros(len(GROUPS), device=device), torch.zeros(len(GROUPS), device=device)
        parts: dict[str, Tensor] = {}
        present: dict[str, Tensor] = {}
        together = self._over_ranks(routers)
        for level, factor in self.factors.items():
            pairs = [pair for pair in zip(routers, together, strict=True) if pair[0].level == level]
            if not pairs:
                continue
            value_G = torch.stack([_value(stats, sums_GX) for stats, sums_GX in pairs]).mean(0)
            total_G, count_G = total_G + factor * value_G, (pairs[0][1][:, -1] > 0).to(count_G)
            names = [f"{level}/{group}" for group in GROUPS]
            parts |= zip(names, value_G.detach().unbind(), strict=True)
            present |= zip(names, count_G.unbind(), strict=True)
        return LossTerm(total_G[0], count_G[0], parts, present, also=(LossTerm(total_G[1], count_G[1]),))

    def _over_ranks(self, routers: Sequence[RouterStats]) -> list[Tensor]:
        """Per router, float (G, E + 1): choices of each expert, then tokens; the mean over ranks."""
        sums = [torch.cat([s.assigned, s.count[:, None]], 1).detach() for s in routers]
        if not (sums and self.across_ranks and dist.is_available() and dist.is_initialized()):
            return sums
        flat = torch.cat([s.flatten() for s in sums])
        dist.all_reduce(flat)
        flat = flat / dist.get_world_size()
        return [part.view_as(s) for part, s in zip(torch.split(flat, [s.numel() for s in sums]), sums, strict=True)]


def _value(stats: RouterStats, sums_GX: Tensor) -> Tensor:
    """The value per group, float (G,), from this rank's probabilities and the mean count over ranks."""
    assigned_GE, count_G = sums_GX[:, :-1], sums_GX[:, -1]
    present_G = count_G > 0
    f_GE = assigned_GE / torch.where(present_G, assigned_GE.sum(1), 1)[:, None]
    p_GE = stats.probability / torch.where(present_G, count_G, 1)[:, None]
    return assigned_GE.shape[1] * (f_GE * p_GE).sum(1)
