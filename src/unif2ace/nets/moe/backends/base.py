"""Interface of the expert backends.

Shapes: T tokens, D width, E experts, H hidden dimensions, K experts per token, S = T K slots.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from unif2ace.nets.moe.backends.dispatch import Dispatch


class ExpertBackend(ABC):
    """Computes SwiGLU experts without biases (arXiv 2002.05202, eq. 6) on the tokens routed to them."""

    @abstractmethod
    def __call__(self, x_TD: Tensor, gate_TK: Tensor, dispatch: Dispatch, in_E2HD: Tensor, out_EDH: Tensor) -> Tensor:
        r"""Gated sum of each token's experts.

        Formula: :math:`y_t = \sum_k g_{tk}\,W^{out}_e(\mathrm{silu}(W^{in}_{e0} x_t) \odot W^{in}_{e1} x_t)`.

        All weights get a gradient, 0 for an expert without tokens.

        Args:
            x_TD: float (T, D), tokens.
            gate_TK: float (T, K), gate of each chosen expert, of any floating dtype.
            dispatch: Assignment of slots to experts.
            in_E2HD: float (E, 2, H, D), weights of gate and value, in the dtype of the tokens.
            out_EDH: float (E, D, H), output weights, in the dtype of the tokens.

        Returns:
            (T, D), in the dtype of the tokens.
        """
