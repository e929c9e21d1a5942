"""Sigmoid routing with a selection bias. Shapes: B sequences, L positions, N experts per group, K chosen experts."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.routers.base import Router, RouterChoice


class SigmoidRouter(Router):
    r"""Independent scores of the experts, balanced by a bias instead of a loss (DeepSeek-V3, arXiv 2412.19437).

    Formula (equations 13 to 16), for the scores :math:`s_i = \sigma(l_i)`: the K largest :math:`s_i + b_i` are chosen,
    and the gates are :math:`s_i` divided by their sum over the chosen experts. For K = 1 the gate is :math:`s_i`,
    because the quotient would be constant and not train the router. The bias selects only and has no gradient. After
    each optimiser step :math:`b_i \leftarrow b_i + \gamma\,\mathrm{sign}(\bar c - c_i)`, with :math:`c_i` the number of
    tokens of all ranks that chose expert i and :math:`\bar c` its mean over the group; a group without tokens keeps its
    bias.

    The bias is a buffer in the state dict and stays float32 in any precision. `RouterStats.probability` is :math:`s_i`
    divided by its sum over all experts, as in the paper's complementary balance loss.

    Args:
        dim: Width.
        num_experts: N.
        top_k: K.
        level: As in `Router`.
        groups: As in `Router`.
        bias_update_speed: :math:`\gamma`, 0 or more; 0 keeps the bias.

    Raises:
        ConfigError: If a value is out of range.
    """

    balances = True
    refuses = MappingProxyType(
        {"router_z": "this loss penalises the log-sum-exp of a softmax, which sigmoid scores do not have"}
    )

    def __init__(
        self,
        dim: int,
        num_experts: int,
        top_k: int,
        level: Literal["token", "sequence"] = "token",
        groups: int = 2,
        bias_update_speed: float = 0.001,
    ) -> None:
        super().__init__(dim, num_experts, top_k, level, groups)
        if bias_update_speed < 0:
            raise ConfigError(f"router.bias_update_speed={bias_update_speed}: it must be 0 or more")
        self.bias_update_speed = bias_update_speed
        self.bias: Tensor
        self.register_buffer("bias", torch.zeros(groups, num_experts))

    def choose(self, logits_BLN: Tensor, group_B: Tensor, real_BL: Tensor, together_BL: Tensor | None) -> RouterChoice:
        """The K largest sums of score and bias."""
        score_BLN = logits_BLN.sigmoid()
        biased_BLN = score_BLN.detach() + self.bias[group_B.clamp(max=self.groups - 1)][:, None].to(score_BLN.dtype)
        choice_BLK = biased_BLN.masked_fill(logits_BLN == -torch.inf, -torch.inf).topk(self.top_k).indices
        gate_BLK = score_BLN.gather(-1, choice_BLK)
        if self.top_k > 1:
            gate_BLK = gate_BLK / gate_BLK.sum(-1, keepdim=True).clamp(min=1e-20)
        return RouterChoice(choice_BLK, gate_BLK, score_BLN / score_BLN.sum(-1, keepdim=True).clamp(min=1e-20))

    @torch.no_grad()
    def balance_(self, assigned_GN: Tensor) -> None:
        """Raises the bias of experts with less than the mean load (G, N), and lowers it for experts with more."""
        error_GN = assigned_GN.mean(1, keepdim=True) - assigned_GN
        self.bias.add_(error_GN.sign().to(self.bias.dtype), alpha=self.bias_update_speed)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> SigmoidRouter:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.bias = self.bias.float()  # half precision would round the steps away
        return self
