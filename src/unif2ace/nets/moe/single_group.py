"""Routed experts without batch axis and groups. Shapes: T tokens, D width, N experts, H hidden dimensions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unif2ace.nets.moe.routed import RoutedExperts, RouterInput


class SingleGroupExperts(nn.Module):
    """One group of routed experts with its router and statistics, as in other projects; maps (T, D) to (T, D).

    Args:
        dim: D.
        hidden: H.
        num_experts: N.
        top_k: Number of experts per token.
    """

    def __init__(self, dim: int, hidden: int, num_experts: int, top_k: int) -> None:
        super().__init__()
        self.routed = RoutedExperts(dim, hidden, num_experts, top_k, groups=1)

    def forward(self, x_TD: Tensor) -> Tensor:
        """Gated sum of the experts, (T, D)."""
        group_B = torch.zeros(1, dtype=torch.int64, device=x_TD.device)
        real_BL = torch.ones(1, len(x_TD), dtype=torch.bool, device=x_TD.device)
        y_TD: Tensor = self.routed(x_TD, [RouterInput(group_B, real_BL)])[0]
        return y_TD

    @torch.no_grad()
    def load_reference(self, router_ND: Tensor, in_NXD: Tensor, out_NDH: Tensor) -> None:
        """Loads weights in the usual layout, gate rows before value rows: X = 2 H.

        Args:
            router_ND: float (N, D), router weight.
            in_NXD: float (N, X, D), input weights of the experts.
            out_NDH: float (N, D, H), output weights of the experts.
        """
        self.routed.router.weight.copy_(router_ND)
        self.routed.weight_in.copy_(in_NXD.view_as(self.routed.weight_in))
        self.routed.weight_out.copy_(out_NDH)
