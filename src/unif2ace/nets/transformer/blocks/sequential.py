"""The block of UniF²ace (arXiv 2503.08120, architecture figure): one layer after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from unif2ace.nets.moe.base import SequenceLayer, TokenLayer
from unif2ace.nets.transformer.attentions.base import Attention, AttentionInputs
from unif2ace.nets.transformer.blocks.base import Block, known
from unif2ace.nets.transformer.norms.layer_norm import LayerNorm
from unif2ace.types import Condition, RouterStats, TokenSequence


class SequentialBlock(Block):
    """Attention, token-level experts, sequence-level experts; maps (B, L, D) to (B, L, D).

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
        self, x_BLD: Tensor, sequence: TokenSequence, conditions: Mapping[str, Condition], inputs: AttentionInputs
    ) -> tuple[Tensor, tuple[RouterStats, ...]]:
        """The residual stream (B, L, D) and router statistics, see `Block`."""
        x_BLD = x_BLD + self.attention(self.attention_norm(x_BLD), inputs)
        tokens_BLD, token_stats = self.token_moe(self.token_norm(x_BLD), sequence)
        x_BLD, sequence_stats = self._sequence_level(x_BLD + tokens_BLD, sequence, conditions)
        return x_BLD, known(token_stats, sequence_stats)
