"""What every block of the transformer is.

Letters: B rows, L columns, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from unif2ace.nets.moe.base import SequenceLayer, TokenLayer
from unif2ace.nets.unified.attention import Attention, AttentionInputs
from unif2ace.types import Condition, RouterStats, TokenSequence


class Block(nn.Module, ABC):
    """Attention, token-level experts, sequence-level experts.

    Args:
        dim: D.
        attention: Attends.
        token_moe: Stands where a dense block has its feed-forward network.
        sequence_moe: Changes the image tokens of whole rows, or None.
        eps: Of the LayerNorms.
    """

    def __init__(
        self, dim: int, attention: Attention, token_moe: TokenLayer, sequence_moe: SequenceLayer | None, eps: float
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim, eps)
        self.attention = attention
        self.token_moe = token_moe
        self.sequence_norm = nn.LayerNorm(dim, eps) if sequence_moe is not None else None
        self.sequence_moe = sequence_moe

    @abstractmethod
    def forward(
        self, x_BLD: Tensor, sequence: TokenSequence, conditions: Mapping[str, Condition], inputs: AttentionInputs
    ) -> tuple[Tensor, tuple[RouterStats, ...]]:
        """The residual stream after the block, (B, L, D), and what its routers did.

        Args:
            x_BLD: The stream before it.
            sequence: The tokens.
            conditions: By name, resampled to the image span.
            inputs: What attention needs beside the stream.
        """

    def _sequence_level(
        self, x_BLD: Tensor, sequence: TokenSequence, conditions: Mapping[str, Condition]
    ) -> tuple[Tensor, RouterStats | None]:
        if self.sequence_moe is None or self.sequence_norm is None:
            return x_BLD, None
        change_BLD, stats = self.sequence_moe(self.sequence_norm(x_BLD), sequence, conditions)
        return x_BLD + change_BLD, stats


def known(*stats: RouterStats | None) -> tuple[RouterStats, ...]:
    """Those that there are."""
    return tuple(s for s in stats if s is not None)
