"""Mixtures of experts: token-level experts replace a block's feed-forward network, sequence-level experts follow."""

from __future__ import annotations

from torch import nn


def bench_factory(dim: int, hidden: int, num_experts: int, top_k: int) -> nn.Module:
    """Routed experts of a single group, for comparisons with other implementations.

    Args:
        dim: Width, D.
        hidden: Hidden dimension of an expert.
        num_experts: Number of experts.
        top_k: Number of experts per token.

    Returns:
        A module that maps (T, D) to (T, D), with its own router.
    """
    from unif2ace.nets.moe.single_group import SingleGroupExperts

    return SingleGroupExperts(dim, hidden, num_experts, top_k)
