"""Token-level experts followed by sequence-level experts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unif2ace.nets.moe.backends import Backend
from unif2ace.nets.moe.base import SequenceLayer
from unif2ace.nets.moe.feed_forwards.base import FeedForward
from unif2ace.nets.moe.feed_forwards.gelu import GELUFeedForward
from unif2ace.nets.moe.routers.base import Router
from unif2ace.nets.moe.routers.top_k import TopKRouter
from unif2ace.nets.moe.sequence import GEN, sequence_level
from unif2ace.nets.moe.token import Shared, TokenMoE


class GroupedMoE(TokenMoE):
    """Both levels of experts, each in two groups: the model of the paper.

    Args:
        num_experts: As in `TokenMoE`.
        top_k: As in `TokenMoE`.
        expert_ffn_dim: As in `TokenMoE`.
        shared_ffn_dim: As in `TokenMoE`.
        shared: As in `TokenMoE`.
        backend: As in `TokenMoE`.
        gen_experts: As in `SequenceMoE`.
        und_experts: As in `SequenceMoE`.
        sequence_top_k: Number of sequence-level experts per sequence.
        residual_scale_init: As in `SequenceMoE`.
        router: As in `TokenMoE`; sequences are always routed by `TopKRouter`.
        feed_forward: As in `TokenMoE`.
    """

    def __init__(  # noqa: PLR0913 - one argument a key
        self,
        num_experts: int = 8,
        top_k: int = 4,
        expert_ffn_dim: int | None = None,
        shared_ffn_dim: int | None = None,
        shared: Shared = "each",
        backend: Backend = "auto",
        gen_experts: Sequence[str] = GEN,
        und_experts: Sequence[str] | None = None,
        sequence_top_k: int = 2,
        residual_scale_init: float = 1.0,
        *,
        router: Callable[..., Router] = TopKRouter,
        feed_forward: Callable[..., FeedForward] = GELUFeedForward,
    ) -> None:
        experts = num_experts, top_k, expert_ffn_dim, shared_ffn_dim, shared, backend
        super().__init__(*experts, router=router, feed_forward=feed_forward)
        self.gen_experts, self.und_experts, self.sequence_top_k, self.residual_scale_init = (
            gen_experts,
            und_experts,
            sequence_top_k,
            residual_scale_init,
        )

    def sequence_layer(self, dim: int, conditions: Sequence[str]) -> SequenceLayer | None:
        """Sequence-level experts for these conditions."""
        return sequence_level(
            dim, conditions, self.gen_experts, self.und_experts, self.sequence_top_k, self.residual_scale_init
        )
