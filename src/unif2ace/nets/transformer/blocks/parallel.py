"""Attention and token-level experts in parallel, as in Phi-1.5 (arXiv 2309.05463) and Show-o."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from unif2ace.nets.transformer.attentions.base import AttentionInputs
from unif2ace.nets.transformer.blocks.base import Block, known
from unif2ace.types import Condition, RouterStats, TokenSequence


class ParallelBlock(Block):
    """One norm for attention and token-level experts, whose outputs are added; maps (B, L, D) to (B, L, D).

    The sequence level follows. Weights of a dense Show-o fit this block, and experts that start without effect keep its
    function.
    """

    def forward(
        self, x_BLD: Tensor, sequence: TokenSequence, conditions: Mapping[str, Condition], inputs: AttentionInputs
    ) -> tuple[Tensor, tuple[RouterStats, ...]]:
        """The residual stream (B, L, D) and router statistics, see `Block`."""
        y_BLD = self.attention_norm(x_BLD)
        tokens_BLD, token_stats = self.token_moe(y_BLD, sequence)
        x_BLD = x_BLD + self.attention(y_BLD, inputs) + tokens_BLD
        x_BLD, sequence_stats = self._sequence_level(x_BLD, sequence, conditions)
        return x_BLD, known(token_stats, sequence_stats)
