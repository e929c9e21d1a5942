"""Softmax top-k routing. Shapes: B sequences, L positions, N experts per group, K chosen experts."""

from __future__ import annotations

from torch import Tensor

from unif2ace.nets.moe.routers.base import Router, RouterChoice


class TopKRouter(Router):
    """Each position is served by the K experts with the largest logits.

    Formula, for the logits l of a group: for K > 1 the gates are softmax(l) divided by its sum over the chosen experts,
    which is the softmax of the chosen logits. For K = 1 this quotient would always be 1 and would not train the router.
    The gate is therefore softmax(l) over all experts, as in Switch Transformer (arXiv 2101.03961, equation 2).
    """

    def choose(self, logits_BLN: Tensor, group_B: Tensor, real_BL: Tensor, together_BL: Tensor | None) -> RouterChoice:
        """The K largest logits."""
        top_BLK, choice_BLK = logits_BLN.topk(self.top_k)
        gate_BLK = logits_BLN.softmax(-1).gather(-1, choice_BLK) if self.top_k == 1 else top_BLK.softmax(-1)
        return RouterChoice(choice_BLK, gate_BLK)
