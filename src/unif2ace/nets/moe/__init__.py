"""Mixtures of experts: what stands in the place of a block's feed-forward network, and after it."""

from __future__ import annotations

from torch import nn


def bench_factory(dim: int, hidden: int, num_experts: int, top_k: int) -> nn.Module:
    """Routed experts of one group alone, for comparisons with other implementations.

    Args:
        dim: Width D.
        hidden: Hidden numbers of an expert.
        num_experts: Number of experts.
        top_k: How many of them a token takes.

    Returns:
        A module of (T, D) to (T, D), with its own router.
    """
    from unif2ace.nets.moe.alone import AloneExperts

    return AloneExperts(dim, hidden, num_experts, top_k)
