"""Sorts tokens by expert, and gathers and sums their vectors.

Shapes: T tokens, D width, E experts, H hidden dimensions, K experts per token, S = T K slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Slots sorted by expert; slot t K + k is choice k of token t.

    Slots without an expert come last; all but one of them may be left out.

    Attributes:
        order: int64 (S,) or fewer, slots by expert, and by token within an expert.
        place: int64 (T, K), index of each slot in `order`; the last index for slots that are left out.
        ends: int64 (E,), end of each expert's slots in `order`; slots past the last end have no expert.
    """

    order: Tensor
    place: Tensor
    ends: Tensor

    @classmethod
    def of(cls, expert_TK: Tensor, num_experts: int, most: int | None = None) -> Dispatch:
        """Sorts the slots.

        Args:
            expert_TK: int64 (T, K), in [0, E]; E for no expert.
            num_experts: E.
            most: Upper bound on the number of slots with an expert, if known; slots beyond the bound plus one are left
                out.
        """
        dtype = torch.uint8 if num_experts < 2**8 else torch.int16 if num_experts < 2**15 else torch.int64
        keys, order = expert_TK.flatten().to(dtype).sort(stable=True)  # narrow keys sort several times faster
        experts = torch.arange(num_experts, dtype=dtype, device=keys.device)
        ends = torch.searchsorted(keys, experts, right=True)
        place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        if most is not None and most + 1 < len(order):  # one slot without an expert stands for all of them
            order, place = order[: most + 1], place.clamp(max=most)
        return cls(order, place.view_as(expert_TK), ends)

    @property
    def token(self) -> Tensor:
        """int64 (S,), the token of each slot in `order`."""
        return self.order // self.place.shape[1]


def gather_rows(x_TD: Tensor, dispatch: Dispatch) -> Tensor:
    """The token of each slot, (S, D), in the order of `Dispatch.order`."""
    gathered: Tensor = _Gather.apply(x_TD, dispatch.token, dispatch.place)
    return gathered


def sum_rows(y_SD: Tensor, dispatch: Dispatch) -> Tensor:
    """Sum of each token's slots, (T, D): the adjoint of `gather_rows`."""
    summed: Tensor = _Sum.apply(y_SD, dispatch.token, dispatch.place)
    return summed


def bag(y_SD: Tensor, place_TK: Tensor) -> Tensor:
    """Sums the slots of each token in a fixed order, (T, D); not differentiable."""
    if y_SD.device.type == "cpu":  # one pass; other kernels have more requirements
        return functional.embedding_bag(place_TK, y_SD, mode="sum")
    return y_SD.index_select(0, place_TK.flatten()).view(*place_TK.shape, -1).sum(1)


class _Gather(torch.autograd.Function):
    """Its backward pass sums without atomics, so it is bitwise reproducible."""

    @staticmethod
    def forward(ctx: Any, x_TD: Tensor, token_S: Tensor, place_TK: Tensor) -> Tensor:
        ctx.save_for_backward(place_TK)
        return x_TD.index_select(0, token_S)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_SD: Tensor) -> tuple[Tensor, None, None]:
        (place_TK,) = ctx.saved_tensors
        return bag(grad_SD.contiguous(), place_TK), None, None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y_SD: Tensor, token_S: Tensor, place_TK: Tensor) -> Tensor:
        ctx.save_for_backward(token_S)
        return bag(y_SD, place_TK)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_TD: Tensor) -> tuple[Tensor, None, None]:
        (token_S,) = ctx.saved_tensors
        return grad_TD.index_select(0, token_S), None, None
