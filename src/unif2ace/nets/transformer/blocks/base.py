"""Base class of the transformer blocks.

Shapes: T tokens of all sequences, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from unif2ace.nets.moe.base import SequenceLayer, TokenLayer
from unif2ace.nets.transformer.attentions.base import Attention, AttentionInputs
from unif2ace.nets.transformer.norms.layer_norm import LayerNorm
from unif2ace.types import Condition, RouterStats, SequenceParts


class Block(nn.Module, ABC):
    """Attention, token-level experts, sequence-level experts; maps (T, D) to (T, D).

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
        super().__init__()
        self.attention_norm = norm(dim, eps)
        self.attention = attention
        self.token_moe = token_moe
        self.sequence_norm = norm(dim, eps) if sequence_moe is not None else None
        self.sequence_moe = sequence_moe

    @abstractmethod
    def forward(
        self, x_TD: Tensor, sequences: SequenceParts, conditions: Mapping[str, Condition], inputs: AttentionInputs
    ) -> tuple[Tensor, tuple[RouterStats, ...]]:
        """The residual stream after the block, (T, D), and its router statistics.

        Args:
            x_TD: float (T, D), the residual stream before the block.
            sequences: The tokens.
            conditions: Conditions by name, resampled to the image span.
            inputs: Masks, rotary tables, kernel and cache of attention.
        """

    def _sequence_level(
        self, x_TD: Tensor, sequences: SequenceParts, conditions: Mapping[str, Condition]
    ) -> tuple[Tensor, RouterStats | None]:
        if self.sequence_moe is None or self.sequence_norm is None:
            return x_TD, None
        change_TD, stats = self.sequence_moe(self.sequence_norm(x_TD), sequences, conditions)
        return x_TD + change_TD, stats


def known(*stats: RouterStats | None) -> tuple[RouterStats, ...]:
    """The statistics that are not None."""
    return tuple(s for s in stats if s is not None)
