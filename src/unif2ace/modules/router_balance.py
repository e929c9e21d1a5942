"""Balances routers that need no balance loss, and rejects losses that do not apply to a router.

Shapes: R routers, G groups (0 Gen, 1 Und), N experts of a group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback
from unif2ace.losses.router import RouterLoss
from unif2ace.nets.moe.routers.base import Router
from unif2ace.types import RouterStats


class RouterBalance:
    """Sums the load of the experts over the micro-batches of a step, then calls `Router.balance_`."""

    def __init__(self) -> None:
        self._assigned_RGN: Tensor | None = None

    def see(self, net: nn.Module, stats: Iterable[RouterStats]) -> None:
        """Adds the experts' loads of a forward pass.

        Args:
            net: The network.
            stats: Router statistics of the forward pass.
        """
        if _balancing(net):
            assigned_RGN = torch.stack([s.assigned.detach() for s in stats if s.level == "token"])
            self._assigned_RGN = assigned_RGN if self._assigned_RGN is None else self._assigned_RGN + assigned_RGN

    def step(self, net: nn.Module, over_ranks: Callable[[Tensor], Tensor]) -> None:
        """Adapts all routers after an optimiser step; all ranks must call this method.

        Args:
            net: The network.
            over_ranks: Sums a tensor over the ranks.
        """
        if self._assigned_RGN is not None:
            for router, assigned_GN in zip(_balancing(net), over_ranks(self._assigned_RGN), strict=True):
                router.balance_(assigned_GN)
        self.forget()

    def forget(self) -> None:
        """Drops the loads of a step that was skipped."""
        self._assigned_RGN = None


def check_router_losses(net: nn.Module, losses: Iterable[LossCallback]) -> None:
    """Rejects losses that do not apply to the network's routers.

    Args:
        net: The network.
        losses: The selected losses.

    Raises:
        ConfigError: If a loss reads statistics of a router that does not support the loss.
    """
    routers = {router.level: router for router in net.modules() if isinstance(router, Router)}
    for loss in losses:
        for level, router in routers.items():
            if isinstance(loss, RouterLoss) and loss.factors[level] and loss.name in router.refuses:
                raise ConfigError(
                    f"loss {loss.name!r} does not apply to {type(router).__name__}: {router.refuses[loss.name]}; "
                    f"remove it from loss=[...], or set loss.{loss.name}.{level}_weight=0 or router=top_k"
                )


def _balancing(net: nn.Module) -> list[Router]:
    """Token-level routers that balance themselves, the lowest layer first; frozen routers are left out."""
    return [
        m
        for m in net.modules()
        if isinstance(m, Router) and m.balances and m.level == "token" and m.weight.requires_grad
    ]
