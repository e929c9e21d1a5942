"""The reference: plain autograd, expert by expert.

Shapes: T tokens, D width, E experts, H hidden dimensions, K experts per token, S = T K slots.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unif2ace.nets.moe.backends.base import ExpertBackend
from unif2ace.nets.moe.backends.dispatch import Dispatch
from unif2ace.nets.uncompiled import uncompiled


class LoopBackend(ExpertBackend):
    """Supports any device and dtype; on a GPU it synchronises to read the number of tokens of each expert."""

    @uncompiled
    def __call__(self, x_TD: Tensor, gate_TK: Tensor, dispatch: Dispatch, in_E2HD: Tensor, out_EDH: Tensor) -> Tensor:
        """Output (T, D); experts without tokens run too, so that they get a gradient of 0."""
        gate_S = gate_TK.flatten()[dispatch.order].to(x_TD.dtype)
        y_TD, token_S, start = torch.zeros_like(x_TD), dispatch.token, 0
        # unbind: indexing would allocate a gradient of the size of all experts for each expert
        for end, in_2HD, out_DH in zip(dispatch.ends.tolist(), in_E2HD.unbind(), out_EDH.unbind(), strict=True):
            token = token_S[start:end]
            gate, value = functional.linear(x_TD[token], in_2HD.flatten(0, 1)).chunk(2, -1)
            hidden = functional.silu(gate) * value * gate_S[start:end, None]
            y_TD = y_TD.index_add(0, token, functional.linear(hidden, out_DH))
            start = end
        return y_TD
