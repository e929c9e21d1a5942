"""Experts for each token, and then for whole rows."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.nets.moe.base import SequenceLayer
from unif2ace.nets.moe.experts.base import Experts
from unif2ace.nets.moe.sequence import sequence_level
from unif2ace.nets.moe.sequence_level import GEN
from unif2ace.nets.moe.token import TokenMoE
from unif2ace.nets.moe.token_level import Shared


class GroupedMoE(TokenMoE):
    """Both levels, in two groups: the model of the paper.

    Args:
        num_experts: As in `TokenMoE`.
        top_k: As in `TokenMoE`.
        expert_hidden: As in `TokenMoE`.
        hidden: As in `TokenMoE`.
        shared: As in `TokenMoE`.
        experts: As in `TokenMoE`.
        gen: As in `SequenceMoE`.
        und: As in `SequenceMoE`.
        sequence_top_k: How many experts a row takes.
        scale: As in `SequenceMoE`.
    """

    def __init__(
        self,
        num_experts: int = 8,
        top_k: int = 4,
        expert_hidden: int | None = None,
        hidden: int | None = None,
        shared: Shared = "each",
        experts: Experts | None = None,
        gen: Sequence[str] = GEN,
        und: Sequence[str] | None = None,
        sequence_top_k: int = 2,
        scale: float = 1.0,
    ) -> None:
        super().__init__(num_experts, top_k, expert_hidden, hidden, shared, experts)
        self.gen, self.und, self.sequence_top_k, self.scale = gen, und, sequence_top_k, scale

    def sequence_layer(self, dim: int, conditions: Sequence[str]) -> SequenceLayer | None:
        """Experts that fit these conditions."""
        return sequence_level(dim, conditions, self.gen, self.und, self.sequence_top_k, self.scale)
