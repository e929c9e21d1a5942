"""Attention and token-level experts in parallel, as in Phi-1.5 (arXiv 2309.05463) and Show-o."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from unif2ace.nets.transformer.attentions.base import AttentionInputs
from unif2ace.nets.transformer.blocks.base import Block, known
from unif2ace.types import Condition, RouterStats, SequenceParts


class ParallelBlock(Block):
    """Attention and token-level experts read one normalised input; their outputs are added. Maps (T, D) to (T, D).

    Sequence-level experts follow. Weights of a dense Show-o can be loaded into this block; experts that initially have
    no effect keep Show-o's function.
    """

    def forward(
        self, x_TD: Tensor, sequences: SequenceParts, conditions: Mapping[str, Condition], inputs: AttentionInputs
    ) -> tuple[Tensor, tuple[RouterStats, ...]]:
        """The residual stream (T, D) and router statistics, see `Block`."""
        y_TD = self.attention_norm(x_TD)
        tokens_TD, token_stats = self.token_moe(y_TD, sequences)
        x_TD = x_TD + self.attention(y_TD, inputs) + tokens_TD
        x_TD, sequence_stats = self._sequence_level(x_TD, sequences, conditions)
        return x_TD, known(token_stats, sequence_stats)
