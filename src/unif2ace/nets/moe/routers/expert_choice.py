"""Expert choice routing of image tokens. Shapes: B sequences, L positions, N experts per group."""

from __future__ import annotations

from types import MappingProxyType

import torch
from torch import Tensor

from unif2ace.nets.moe.routers.base import Router, RouterChoice


class ExpertChoiceRouter(Router):
    r"""Experts choose the image tokens that they serve (expert choice, arXiv 2202.09368); text tokens choose experts.

    Formula (section 3.2), for the M image tokens of a sequence and :math:`S = \mathrm{softmax}(l)` over the experts:
    each expert serves the :math:`\lceil M K / N \rceil` tokens with its largest S, and the gate is S. A token gets 0 to
    N experts, K on average.

    Experts choose within each sequence, so no sample depends on the rest of its batch. Experts choose only among image
    tokens, which attend to each other and are computed together. A choice among text tokens would depend on later
    tokens, which a causal model does not know. Text tokens therefore choose the K experts with the largest S; their
    gates sum to 1 (the gate is S for K = 1).

    All experts have the same number of image tokens, so the load-balance loss is constant for image tokens.
    """

    refuses = MappingProxyType(
        {"load_balance": "every expert chooses equally many image tokens, so this loss is constant for image tokens"}
    )

    def choose(self, logits_BLN: Tensor, group_B: Tensor, real_BL: Tensor, together_BL: Tensor | None) -> RouterChoice:
        """The choices of image and text tokens, with one slot per expert."""
        p_BLN, (length, n) = logits_BLN.softmax(-1), logits_BLN.shape[1:]
        top_BLK = logits_BLN.topk(self.top_k).indices
        own_BLN = torch.zeros_like(p_BLN, dtype=torch.bool).scatter(-1, top_BLK, True)
        gate_BLN = p_BLN
        if self.top_k > 1:
            gate_BLN = p_BLN / p_BLN.masked_fill(~own_BLN, 0).sum(-1, keepdim=True)
        used_BLN = own_BLN
        if together_BL is not None:
            image_BL1 = (together_BL & real_BL)[..., None]
            used_BLN = torch.where(image_BL1, self._served(p_BLN, image_BL1), own_BLN)
            gate_BLN = torch.where(image_BL1, p_BLN, gate_BLN)
        expert_BLN = torch.arange(n, device=p_BLN.device).expand(p_BLN.shape)
        most = len(p_BLN) * (length * self.top_k + n)  # rounding up adds less than one token for each expert
        return RouterChoice(expert_BLN, gate_BLN, used=used_BLN, most=most)

    def _served(self, p_BLN: Tensor, image_BL1: Tensor) -> Tensor:
        """Whether an expert serves a position, bool (B, L, N); only positions of images (B, L, 1) are served."""
        capacity_B11 = -(-image_BL1.sum(1, keepdim=True) * self.top_k // self.num_experts)
        order_BLN = p_BLN.detach().masked_fill(~image_BL1, -1).argsort(dim=1, descending=True, stable=True)
        rank_L1 = torch.arange(p_BLN.shape[1], device=p_BLN.device)[:, None]
        first_BLN = (rank_L1 < capacity_B11).expand(order_BLN.shape)
        return torch.zeros_like(first_BLN).scatter(1, order_BLN, first_BLN) & image_BL1
