"""Top-k routing of tokens or sequences to experts.

Shapes: B sequences, L positions, D width, N experts per group, K chosen experts, G groups (0 Gen, 1 Und).
"""

from __future__ import annotations

from dataclasses import dataclass
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
        expert: int64 (B, L, K), in [0, G N): experts of group 1 follow those of group 0; G N marks no expert.
        gate: float (B, L, K), non-negative, sums to 1 if K > 1; 0 where no expert was chosen.
        stats: Sums of the layer.
    """

    expert: Tensor
    gate: Tensor
    stats: RouterStats


class TopKRouter(nn.Module):
    """A linear map (B, L, D) to the logits of all groups; each sequence uses those of its own group.

    Formula, for the logits l of a group: the K largest are chosen. For K > 1 the gates are softmax(l) divided by its
    sum over the chosen, which is the softmax over the chosen logits. For K = 1 this would always be 1, and the task
    loss would not train the router, so the gate is softmax(l) over all experts, as in Switch Transformer (arXiv
    2101.03961, equation 2). Everything is at least float32, also under autocast.

    Args:
        dim: D.
        num_experts: N.
        top_k: K.
        level: Level of the layer, for the statistics.
        groups: G, 1 or 2.

    Raises:
        ConfigError: If `top_k` is not in [1, N].
    """

    weight_kind = "table"  # see `unif2ace.optimizers.parameter_groups`

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

    def forward(self, x_BLD: Tensor, group_B: Tensor, real_BL: Tensor, available_BN: Tensor | None = None) -> Routing:
        """Routes each position.

        Args:
            x_BLD: float (B, L, D), router input.
            group_B: int64 (B,), expert group of each sequence.
            real_BL: bool (B, L), positions to route.
            available_BN: bool (B, N), experts that a sequence may use, at least K of them; None for all.
        """
        with torch.autocast(x_BLD.device.type, enabled=False):
            wide = torch.promote_types(x_BLD.dtype, torch.float32)
            all_BLGN = functional.linear(x_BLD.to(wide), self.weight.to(wide))
            all_BLGN = all_BLGN.view(*x_BLD.shape[:2], self.groups, self.num_experts)
            logits_BLN = all_BLGN[:, :, 0]
            if self.groups == 2:
                logits_BLN = torch.where(group_B[:, None, None] == 1, all_BLGN[:, :, 1], logits_BLN)
            if available_BN is not None:
                logits_BLN = logits_BLN.masked_fill(~available_BN[:, None], -torch.inf)
            top_BLK, choice_BLK = logits_BLN.topk(self.top_k)
            gate_BLK = logits_BLN.softmax(-1).gather(-1, choice_BLK) if self.top_k == 1 else top_BLK.softmax(-1)
            gate_BLK = gate_BLK.masked_fill(~real_BL[..., None], 0)
            expert_BLK = choice_BLK + (group_B * self.num_experts)[:, None, None]
            expert_BLK = expert_BLK.masked_fill(~real_BL[..., None], self.groups * self.num_experts)
            return Routing(expert_BLK, gate_BLK, self._stats(logits_BLN, expert_BLK, group_B, real_BL))

    def _stats(self, logits_BLN: Tensor, expert_BLK: Tensor, group_B: Tensor, real_BL: Tensor) -> RouterStats:
        norm_BL = logits_BLN.logsumexp(-1)
        p_BLN = (logits_BLN - norm_BL[..., None]).exp().masked_fill(~real_BL[..., None], 0)
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
