"""Interface of the routers: which experts serve each position.

Shapes: B sequences, L positions, D width, N experts per group, K slots per position, G groups (0 Gen, 1 Und).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unif2ace.errors import ConfigError
from unif2ace.types import RouterStats, Task


def group_of(task_B: Tensor) -> Tensor:
    """int64 (B,), expert group of each sequence: 1 (Und) for understanding, else 0 (Gen)."""
    return (task_B == Task.UNDERSTANDING).long()


@dataclass(frozen=True, slots=True)
class Routing:
    """Choices of a router.

    Attributes:
        expert: int64 (B, L, K), in [0, G N]: experts of group 1 follow those of group 0; G N marks no expert.
        gate: float (B, L, K), non-negative; 0 where no expert was chosen.
        stats: Router statistics of the layer.
        most: Upper bound on the number of slots with an expert; None for all slots.
    """

    expert: Tensor
    gate: Tensor
    stats: RouterStats
    most: int | None = None


@dataclass(frozen=True, slots=True)
class RouterChoice:
    """Experts of each position within its group.

    Attributes:
        expert: int64 (B, L, K), in [0, N).
        gate: float (B, L, K), non-negative.
        probability: float (B, L, N), differentiable, sums to 1; read by the load-balance loss. None for the softmax of
            the logits.
        used: bool (B, L, K), slots that have an expert; None for all.
        most: See `Routing`.
    """

    expert: Tensor
    gate: Tensor
    probability: Tensor | None = None
    used: Tensor | None = None
    most: int | None = None


def added(stats: Sequence[RouterStats], times: Sequence[int]) -> RouterStats:
    """Sums router statistics of one layer, each multiplied by its number in `times`."""
    if len(stats) == 1 and times[0] == 1:
        return stats[0]
    names = ("assigned", "probability", "count", "z")
    sums = {name: sum(n * getattr(s, name) for s, n in zip(stats, times, strict=True)) for name in names}
    return replace(stats[0], **sums)


class Router(nn.Module, ABC):
    """Maps (B, L, D) linearly to the logits of all groups; each sequence uses the logits of its own group.

    Routers compute in float32 or wider, also under autocast.

    Args:
        dim: D.
        num_experts: N.
        top_k: Number of experts per position, in [1, N]; a mean for routers whose experts choose tokens.
        level: ``token`` or ``sequence``, recorded in the statistics.
        groups: G, 1 or 2.

    Raises:
        ConfigError: If `top_k` is not in [1, N].
    """

    weight_kind = "table"  # see `unif2ace.optimizers.parameter_groups`
    draws_noise = False
    """Whether the router samples random numbers in training; gradient checkpointing must then restore the RNG state."""
    balances = False
    """Whether `balance_` is to be called after each optimiser step."""
    refuses: Mapping[str, str] = MappingProxyType({})
    """Losses on router statistics that do not apply to this router, each with the reason."""

    def __init__(
        self, dim: int, num_experts: int, top_k: int, level: Literal["token", "sequence"] = "token", groups: int = 2
    ) -> None:
        super().__init__()
        if not 1 <= top_k <= num_experts:
            raise ConfigError(f"moe.top_k={top_k}: it must be 1 to {num_experts}, the number of experts of a group")
        self.num_experts, self.top_k, self.groups = num_experts, top_k, groups
        self.level: Literal["token", "sequence"] = level
        self.weight = nn.Parameter(torch.empty(groups * num_experts, dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialises the weights as `nn.Linear` does."""
        bound = self.weight.shape[1] ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(
        self,
        x_BLD: Tensor,
        group_B: Tensor,
        real_BL: Tensor,
        available_BN: Tensor | None = None,
        together_BL: Tensor | None = None,
    ) -> Routing:
        """Routes each position.

        Args:
            x_BLD: float (B, L, D), router input.
            group_B: int64 (B,), expert group of each sequence.
            real_BL: bool (B, L), positions to route.
            available_BN: bool (B, N), experts that a sequence may use, at least K of them; None for all.
            together_BL: bool (B, L), positions of a sequence that attend to each other and are always computed
                together, such as image tokens. Only these positions may be routed depending on other positions. None if
                there are none.
        """
        with torch.autocast(x_BLD.device.type, enabled=False):
            wide = torch.promote_types(x_BLD.dtype, torch.float32)
            logits_BLN = self.logits(x_BLD.to(wide), group_B)
            if available_BN is not None:
                logits_BLN = logits_BLN.masked_fill(~available_BN[:, None], -torch.inf)
            choice = self.choose(logits_BLN, group_B, real_BL, together_BL)
            used_BLK = real_BL[..., None] if choice.used is None else choice.used & real_BL[..., None]
            gate_BLK = choice.gate.masked_fill(~used_BLK, 0)
            expert_BLK = choice.expert + (group_B * self.num_experts)[:, None, None]
            expert_BLK = expert_BLK.masked_fill(~used_BLK, self.groups * self.num_experts)
            stats = self._stats(logits_BLN, choice.probability, expert_BLK, group_B, real_BL)
            return Routing(expert_BLK, gate_BLK, stats, choice.most)

    def logits(self, x_BLD: Tensor, group_B: Tensor) -> Tensor:
        """Logits of each position's group, float (B, L, N), in the dtype of the input."""
        return self.of_group(self.weight, x_BLD, group_B)

    @abstractmethod
    def choose(self, logits_BLN: Tensor, group_B: Tensor, real_BL: Tensor, together_BL: Tensor | None) -> RouterChoice:
        """Chooses experts from logits; -inf marks an expert that a sequence may not use.

        Args:
            logits_BLN: float (B, L, N), see `logits`.
            group_B: As in `forward`.
            real_BL: As in `forward`.
            together_BL: As in `forward`.
        """

    def balance_(self, assigned_GN: Tensor) -> None:
        """Adapts the router to the load of a training step; if `balances`, called on all ranks with the same values.

        Args:
            assigned_GN: float32 (G, N), how often each expert was chosen in the step, over all ranks.
        """

    def of_group(self, weight_XD: Tensor, x_BLD: Tensor, group_B: Tensor) -> Tensor:
        """Outputs of a linear map for each position's group, float (B, L, N); X = G N."""
        all_BLGN = functional.linear(x_BLD, weight_XD.to(x_BLD.dtype))
        all_BLGN = all_BLGN.view(*x_BLD.shape[:2], self.groups, self.num_experts)
        if self.groups == 2:
            return torch.where(group_B[:, None, None] == 1, all_BLGN[:, :, 1], all_BLGN[:, :, 0])
        return all_BLGN[:, :, 0]

    def _stats(
        self, logits_BLN: Tensor, probability_BLN: Tensor | None, expert_BLK: Tensor, group_B: Tensor, real_BL: Tensor
    ) -> RouterStats:
        norm_BL = logits_BLN.logsumexp(-1)
        p_BLN = (logits_BLN - norm_BL[..., None]).exp() if probability_BLN is None else probability_BLN
        p_BLN = p_BLN.masked_fill(~real_BL[..., None], 0)
        member_GB = (torch.arange(self.groups, device=group_B.device)[:, None] == group_B).to(p_BLN.dtype)
        total = self.groups * self.num_experts
        ones = torch.ones_like(expert_BLK).flatten()
        assigned = ones.new_zeros(total + 1).scatter_add_(0, expert_BLK.flatten(), ones)[:total]
        return RouterStats(
            self.level,
            assigned=assigned.view(self.groups, -1).to(p_BLN.dtype),
            probability=(member_GB[..., None] * p_BLN.sum(1)).sum(1),
            count=(member_GB * real_BL.sum(1)).sum(1),
            z=(member_GB * norm_BL.square().masked_fill(~real_BL, 0).sum(1)).sum(1),
        )
