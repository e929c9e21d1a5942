"""PyTorch's grouped matrix product.

Shapes: T tokens, D width, E experts, H hidden dimensions, K experts per token, S = T K slots.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unif2ace.nets.moe.backends.base import ExpertBackend
from unif2ace.nets.moe.backends.dispatch import Dispatch, gather_rows, sum_rows
from unif2ace.nets.moe.backends.loop import LoopBackend

_PRODUCT: Any = getattr(functional, "grouped_mm", None) or getattr(torch, "_grouped_mm", None)
"""torch's grouped matrix product, a private function in older versions."""


class GroupedMMBackend(ExpertBackend):
    """Each matrix product runs for all experts at once; in bfloat16 on a GPU there is no device synchronisation.

    Unsupported inputs (float64, widths whose rows are not a multiple of 16 bytes, no tokens at all) use `LoopBackend`.
    """

    def __init__(self) -> None:
        self._otherwise = LoopBackend()

    def __call__(self, x_TD: Tensor, gate_TK: Tensor, dispatch: Dispatch, in_E2HD: Tensor, out_EDH: Tensor) -> Tensor:
        """Output (T, D), from all experts at once."""
        if not self.takes(x_TD, out_EDH):
            looped: Tensor = self._otherwise(x_TD, gate_TK, dispatch, in_E2HD, out_EDH)
            return looped
        ends_E = dispatch.ends.to(torch.int32)
        # rows past the last end would stay uninitialised: the last expert also computes unassigned slots, with gate 0
        ends_E = torch.cat([ends_E[:-1], ends_E.new_full((1,), len(dispatch.order))])
        gate_S1 = gate_TK.flatten().index_select(0, dispatch.order).to(x_TD.dtype)[:, None]
        in_EDX = in_E2HD.flatten(1, 2).transpose(1, 2)
        gate, value = _PRODUCT(gather_rows(x_TD, dispatch), in_EDX, offs=ends_E).chunk(2, -1)
        hidden_SH = functional.silu(gate) * value * gate_S1
        return sum_rows(_PRODUCT(hidden_SH, out_EDH.transpose(1, 2), offs=ends_E), dispatch)

    @staticmethod
    def takes(x_TD: Tensor, out_EDH: Tensor) -> bool:
        """Whether the grouped product supports the dtype and widths of tokens (T, D) and experts (E, D, H)."""
        if _PRODUCT is None or x_TD.dtype not in (torch.float32, torch.bfloat16, torch.float16) or not len(x_TD):
            return False
        rows = [size * x_TD.element_size() for size in out_EDH.shape[1:]]
        return all(size % 16 == 0 for size in rows)
