"""The block of UniF²ace (arXiv 2503.08120, architecture figure): one layer after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from unif2ace.nets.moe.base import SequenceLayer, TokenLayer
from unif2ace.nets.transformer.attentions.base import Attention, AttentionInputs
from unif2ace.nets.transformer.blocks.base import Block, known
from unif2ace.nets.transformer.norms.layer_norm import LayerNorm
from unif2ace.types import Condition, RouterStats, SequenceParts


class SequentialBlock(Block):
    """Attention, token-level experts, sequence-level experts; maps (T, D) to (T, D).

    Each layer has its own normalisation layer before it and a residual connection around it.

    Args:
        dim: D.
        attention: The attention layer.
        token_moe: Replaces the feed-forward network of a dense block.
        sequence_moe: Updates the image tokens of whole sequences, or None.
        eps: Epsilon of the normalisation layers.
        norm: Builds a normalisation layer from a width and an epsilon.
    """

    def __init__(
        self,
        dim: int,
        attention: Attention,
        token_moe: TokenLayer,
        sequence_moe: SequenceLayer | None,
        eps: float,
        norm: Callable[[int, float], nn.Module] = LayerNorm,
    ) -> None:
        super().__init__(dim, attention, token_moe, sequence_moe, eps, norm)
        self.token_norm = norm(dim, eps)

    def forward(
        self, x_TD: Tensor, sequences: SequenceParts, conditions: Mapping[str, Condition], inputs: AttentionInputs
    ) -> tuple[Tensor, tuple[RouterStats, ...]]:
        """The residual stream (T, D) and router statistics, see `Block`."""
        x_TD = x_TD + self.attention(self.attention_norm(x_TD), inputs)
        tokens_TD, token_stats = self.token_moe(self.token_norm(x_TD), sequences)
        x_TD, sequence_stats = self._sequence_level(x_TD + tokens_TD, sequences, conditions)
        return x_TD, known(token_stats, sequence_stats)
