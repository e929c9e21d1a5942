"""Who goes to which expert, and how rows get there and back. T tokens, K chosen, S = T K slots, E experts, D width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Slots in the order of their experts; slot t K + k is choice k of token t. Slots of nobody come last.

    Attributes:
        order: int64 (S,), slots by expert, and by token within an expert.
        place: int64 (T, K), where each slot stands in `order`.
        ends: int64 (E,), where each expert's slots end in it; those past the last end are nobody's.
    """

    order: Tensor
    place: Tensor
    ends: Tensor

    @classmethod
    def of(cls, expert_TK: Tensor, num_experts: int) -> Dispatch:
        """Sorts the slots.

        Args:
            expert_TK: int64, in [0, E]; E for nobody.
            num_experts: E.
        """
        dtype = torch.uint8 if num_experts < 2**8 else torch.int16 if num_experts < 2**15 else torch.int64
        keys, order = expert_TK.flatten().to(dtype).sort(stable=True)  # narrow keys sort several times faster
        experts = torch.arange(num_experts, dtype=dtype, device=keys.device)
        ends = torch.searchsorted(keys, experts, right=True)
        place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        return cls(order, place.view_as(expert_TK), ends)

    @property
    def token(self) -> Tensor:
        """int64 (S,), the token of each slot in `order`."""
        return self.order // self.place.shape[1]


def gather_rows(x_TD: Tensor, dispatch: Dispatch) -> Tensor:
    """Each slot's token, in the order of the experts, (S, D)."""
    gathered: Tensor = _Gather.apply(x_TD, dispatch.token, dispatch.place)
    return gathered


def sum_rows(y_SD: Tensor, dispatch: Dispatch) -> Tensor:
    """The sum of each token's slots, (T, D): the adjoint of `gather_rows`."""
    summed: Tensor = _Sum.apply(y_SD, dispatch.token, dispatch.place)
    return summed


def bag(y_SD: Tensor, place_TK: Tensor) -> Tensor:
    """Sums of rows without gradient, (T, D), always in the same order."""
    if y_SD.device.type == "cpu":  # one pass; elsewhere its kernels want more than this
        return functional.embedding_bag(place_TK, y_SD, mode="sum")
    return y_SD.index_select(0, place_TK.flatten()).view(*place_TK.shape, -1).sum(1)


class _Gather(torch.autograd.Function):
    """Its backward pass sums without atomics, so that it repeats bit for bit."""

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
