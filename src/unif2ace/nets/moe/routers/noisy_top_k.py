"""Noisy top-k routing. Shapes: B sequences, L positions, D width, N experts per group."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unif2ace.nets.moe.routers.top_k import TopKRouter


class NoisyTopKRouter(TopKRouter):
    r"""Top-k routing with trained Gaussian noise on the logits, which balances the load early (arXiv 1701.06538).

    Formula (equations 3 to 5): :math:`H_i(x) = (x W_g)_i + \epsilon_i\,\mathrm{softplus}((x W_n)_i)` with
    :math:`\epsilon_i \sim N(0, 1)`, in training only; the K largest H are chosen, and the gates are their softmax.
    :math:`W_n` starts at 0, so the initial standard deviation is log 2. For K = 1 the gate is computed as in
    `TopKRouter`.

    The noise comes from torch's global generator, so it depends on how a batch is divided over ranks and micro-batches.

    Args:
        dim: D.
        num_experts: N.
        top_k: Number of experts per position.
        level: As in `Router`.
        groups: As in `Router`.
    """

    draws_noise = True

    def __init__(
        self, dim: int, num_experts: int, top_k: int, level: Literal["token", "sequence"] = "token", groups: int = 2
    ) -> None:
        super().__init__(dim, num_experts, top_k, level, groups)
        self.noise_weight = nn.Parameter(torch.zeros(groups * num_experts, dim))

    def logits(self, x_BLD: Tensor, group_B: Tensor) -> Tensor:
        """H, float (B, L, N); without noise in evaluation mode."""
        clean_BLN = super().logits(x_BLD, group_B)
        if not self.training:
            return clean_BLN
        scale_BLN = functional.softplus(self.of_group(self.noise_weight, x_BLD, group_B))
        return clean_BLN + torch.randn_like(clean_BLN) * scale_BLN
