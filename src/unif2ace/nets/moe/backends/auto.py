"""Selects the fastest backend.

Shapes: T tokens, D width, E experts, H hidden dimensions, K experts per token.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.nets.moe.backends.base import ExpertBackend
from unif2ace.nets.moe.backends.cpu import CPUBackend
from unif2ace.nets.moe.backends.dispatch import Dispatch
from unif2ace.nets.moe.backends.grouped_mm import GroupedMMBackend
from unif2ace.nets.moe.backends.loop import LoopBackend


class AutoBackend(ExpertBackend):
    """Selects a backend by device, dtype and the mean number of tokens per expert.

    On the CPU it uses `CPUBackend`, or `GroupedMMBackend` in training with few tokens per expert. On a GPU it uses
    `GroupedMMBackend`, elsewhere `LoopBackend`.

    Args:
        short: Largest mean number of tokens per expert for which training on the CPU uses `GroupedMMBackend`.
    """

    def __init__(self, short: int = 128) -> None:
        self.short = short
        self._cpu, self._grouped, self._loop = CPUBackend(), GroupedMMBackend(), LoopBackend()

    def __call__(self, x_TD: Tensor, gate_TK: Tensor, dispatch: Dispatch, in_E2HD: Tensor, out_EDH: Tensor) -> Tensor:
        """Output (T, D) of the selected backend."""
        return self.choose(x_TD, gate_TK, out_EDH)(x_TD, gate_TK, dispatch, in_E2HD, out_EDH)

    def choose(self, x_TD: Tensor, gate_TK: Tensor, out_EDH: Tensor) -> ExpertBackend:
        """The backend for tokens (T, D) and experts (E, D, H)."""
        grouped = self._grouped.takes(x_TD, out_EDH)
        if x_TD.device.type == "cpu":
            short = grouped and torch.is_grad_enabled() and gate_TK.numel() <= self.short * len(out_EDH)
            return self._grouped if short else self._cpu
        return self._grouped if grouped and x_TD.device.type == "cuda" else self._loop
