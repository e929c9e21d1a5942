"""What every way to compute routed experts offers. T tokens, D width, E experts, H hidden, K chosen, S = T K slots."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from unif2ace.nets.moe.backends.dispatch import Dispatch


class ExpertBackend(ABC):
    """Computes SwiGLU experts without biases (arXiv 2002.05202, eq. 6) on the tokens that chose them."""

    @abstractmethod
    def __call__(self, x_TD: Tensor, gate_TK: Tensor, dispatch: Dispatch, in_E2HD: Tensor, out_EDH: Tensor) -> Tensor:
        r"""Sum over a token's experts.

        Formula: :math:`y_t = \sum_k g_{tk}\,W^{out}_e(\mathrm{silu}(W^{in}_{e0} x_t) \odot W^{in}_{e1} x_t)`.

        All weights get a gradient, 0 for an expert that nobody chose.

        Args:
            x_TD: Tokens.
            gate_TK: float, factor of each chosen expert; of any floating dtype.
            dispatch: Who chose whom.
            in_E2HD: Weights of gate and value, of the dtype of the tokens.
            out_EDH: Weights back, likewise.

        Returns:
            (T, D), of the dtype of the tokens.
        """
