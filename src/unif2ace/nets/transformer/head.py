"""Logits over slices of the vocabulary from one weight matrix.

Slicing the weight with autograd would allocate a full-size gradient for each slice. Here all slices write into one
gradient.

Shapes: P positions at which logits are read, D width, V ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class OutputHead(nn.Linear):
    """Maps hidden states (P, D) to logits (P, V), with one weight row per id.

    Args:
        dim: D.
        size: V.
        bias: Whether a bias is learned; otherwise it is a constant 0.
    """

    weight_kind = "table"  # see `unif2ace.optimizers.parameter_groups`

    def __init__(self, dim: int, size: int, bias: bool = True) -> None:
        super().__init__(dim, size, bias)
        if not bias:
            del self.bias
            self.register_buffer("bias", torch.zeros(size), persistent=False)


class _SlicedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight_VD: Tensor, bias_V: Tensor, spans: Any, dtype: Any, *hidden_PD: Tensor) -> Any:
        ctx.spans, ctx.dtype, ctx.dtypes = spans, dtype, [h.dtype for h in hidden_PD]
        inputs = [h.to(dtype) for h in hidden_PD]
        ctx.save_for_backward(weight_VD, *inputs)
        with torch.autocast(weight_VD.device.type, enabled=False):
            return tuple(
                torch.nn.functional.linear(h, weight_VD[a:b].to(dtype), bias_V[a:b].to(dtype))
                for h, (a, b) in zip(inputs, spans, strict=True)
            )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads_PV: Tensor) -> Any:
        weight_VD, *inputs = ctx.saved_tensors
        with torch.autocast(weight_VD.device.type, enabled=False):
            grads_PV = tuple(g.to(ctx.dtype) for g in grads_PV)
            hidden = [
                (g @ weight_VD[a:b].to(ctx.dtype)).to(dtype) if needed else None
                for g, (a, b), dtype, needed in zip(
                    grads_PV, ctx.spans, ctx.dtypes, ctx.needs_input_grad[4:], strict=True
                )
            ]
            weight = bias = None
            if ctx.needs_input_grad[0]:
                weight = torch.zeros_like(weight_VD)
                for g, h, (a, b) in zip(grads_PV, inputs, ctx.spans, strict=True):
                    if g.dtype == weight.dtype:
                        weight[a:b].addmm_(g.mT, h)
                    else:
                        weight[a:b] += g.mT @ h
            if ctx.needs_input_grad[1]:
                bias = weight_VD.new_zeros(len(weight_VD))
                for g, (a, b) in zip(grads_PV, ctx.spans, strict=True):
                    bias[a:b] += g.sum(0, dtype=bias.dtype)
        return weight, bias, None, None, *hidden


def sliced_logits(
    weight_VD: Tensor, bias_V: Tensor, parts: Sequence[tuple[Tensor, tuple[int, int]]]
) -> tuple[Tensor, ...]:
    """Logits of several slices of the vocabulary, float32 (P, V) each; float64 if the weight is float64.

    Matrix products run in autocast's dtype if autocast is enabled, otherwise in the weight's dtype.

    Args:
        weight_VD: float (V, D), weight of all ids.
        bias_V: float (V,), bias of all ids.
        parts: Pairs of hidden states (P, D) and a slice as (first id, last id + 1).
    """
    if not parts:
        return ()
    device = weight_VD.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight_VD.dtype
    spans = tuple(span for _, span in parts)
    values = _SlicedLinear.apply(weight_VD, bias_V, spans, dtype, *(hidden for hidden, _ in parts))
    return tuple(v if v.dtype == torch.float64 else v.float() for v in values)
