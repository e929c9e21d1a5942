"""Experts on the CPU, with a manual backward pass.

Shapes: T tokens, D width, E experts, H hidden dimensions, K experts per token, X = 2 H, S slots that have an expert, P
slots of one expert.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from unif2ace.nets.moe.backends.base import ExpertBackend
from unif2ace.nets.moe.backends.dispatch import Dispatch, bag
from unif2ace.nets.uncompiled import uncompiled


class CPUBackend(ExpertBackend):
    """One matrix product per expert, over the slots sorted by expert.

    The gate multiplies the hidden activations, which are usually narrower than the output. Forward and backward pass
    each sum over a token's experts in one operation. Only the activations before the SwiGLU are saved for the backward
    pass.
    """

    @uncompiled
    def __call__(self, x_TD: Tensor, gate_TK: Tensor, dispatch: Dispatch, in_E2HD: Tensor, out_EDH: Tensor) -> Tensor:
        """Output (T, D), from all experts that have tokens, one after the other."""
        learns = torch.is_grad_enabled() and any(t.requires_grad for t in (x_TD, gate_TK, in_E2HD, out_EDH))
        y_TD: Tensor = _SwiGLU.apply(x_TD, gate_TK, in_E2HD, out_EDH, dispatch, learns)
        return y_TD


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_TD: Tensor, gate_TK: Tensor, in_E2HD: Tensor, out_EDH: Tensor, dispatch: Dispatch, learns: bool
    ) -> Tensor:
        ends = dispatch.ends.tolist()
        total, hidden = ends[-1], out_EDH.shape[2]
        token_S = dispatch.token[:total]
        gate_S1 = gate_TK.flatten().index_select(0, dispatch.order[:total]).to(x_TD.dtype)[:, None]
        in_EXD = in_E2HD.flatten(1, 2)
        pre_SX = x_TD.new_empty(total if learns else max(_sizes(ends)), 2 * hidden)
        y_SD = _slots(x_TD, total, len(dispatch.order))
        for e, rows in _segments(ends):
            kept = rows if learns else slice(0, rows.stop - rows.start)
            pre_PX = torch.mm(x_TD.index_select(0, token_S[rows]), in_EXD[e].t(), out=pre_SX[kept])
            hidden_PH = functional.silu(pre_PX[:, :hidden]).mul_(pre_PX[:, hidden:]).mul_(gate_S1[rows])
            torch.mm(hidden_PH, out_EDH[e].t(), out=y_SD[rows])
        place_TK = dispatch.place if total == len(dispatch.order) else dispatch.place.clamp(max=total)
        ctx.save_for_backward(x_TD, in_E2HD, out_EDH, gate_S1, pre_SX, token_S, place_TK, dispatch.order)
        ctx.ends, ctx.gate_dtype = ends, gate_TK.dtype
        return bag(y_SD, place_TK)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        x_TD, in_E2HD, out_EDH, gate_S1, pre_SX, token_S, place_TK, order = ctx.saved_tensors
        total, hidden = ctx.ends[-1], out_EDH.shape[2]
        dy_TD, in_EXD = dy_TD.contiguous(), in_E2HD.flatten(1, 2)
        din_EXD, dout_EDH = torch.empty_like(in_EXD), torch.empty_like(out_EDH)
        dx_SD, dgate_S = _slots(x_TD, total, len(order)), x_TD.new_empty(total)
        for e, size in enumerate(_sizes(ctx.ends)):
            if not size:
                din_EXD[e].zero_()
                dout_EDH[e].zero_()
        for e, rows in _segments(ctx.ends):
            dy_PD, gate_P1 = dy_TD.index_select(0, token_S[rows]), gate_S1[rows]
            before_PH, value_PH = pre_SX[rows, :hidden], pre_SX[rows, hidden:]
            silu_PH = functional.silu(before_PH)
            hidden_PH, dhidden_PH = silu_PH * value_PH, torch.mm(dy_PD, out_EDH[e])
            torch.sum(dhidden_PH * hidden_PH, 1, out=dgate_S[rows])
            torch.mm(dy_PD.t(), hidden_PH.mul_(gate_P1), out=dout_EDH[e])
            dhidden_PH.mul_(gate_P1)
            dpre_PX = torch.empty_like(pre_SX[rows])
            torch.mul(dhidden_PH, silu_PH, out=dpre_PX[:, hidden:])
            torch.ops.aten.silu_backward.grad_input(
                dhidden_PH.mul_(value_PH), before_PH, grad_input=dpre_PX[:, :hidden]
            )
            torch.mm(dpre_PX.t(), x_TD.index_select(0, token_S[rows]), out=din_EXD[e])
            torch.mm(dpre_PX, in_EXD[e], out=dx_SD[rows])
        dgate = torch.zeros(place_TK.numel(), dtype=ctx.gate_dtype, device=dy_TD.device)
        dgate[order[:total]] = dgate_S.to(ctx.gate_dtype)
        return bag(dx_SD, place_TK), dgate.view_as(place_TK), din_EXD.view_as(in_E2HD), dout_EDH, None, None


def _slots(x_TD: Tensor, total: int, slots: int) -> Tensor:
    """One row (D,) per slot with an expert, and one row of zeros that all other slots share."""
    rows = x_TD.new_empty(total + (total < slots), x_TD.shape[1])
    rows[total:] = 0
    return rows


def _sizes(ends: list[int]) -> list[int]:
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _segments(ends: list[int]) -> Iterator[tuple[int, slice]]:
    """Experts that have tokens, each with its slots."""
    for e, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if end > start:
            yield e, slice(start, end)
