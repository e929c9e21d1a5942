"""Experts for whole rows, over a dense network."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.nets.moe.base import MoE, SequenceLayer, TokenLayer
from unif2ace.nets.moe.dense import DenseLayer
from unif2ace.nets.moe.sequence_level import COPY, GEN, NOISE, SequenceLevel


class SequenceMoE(MoE):
    """The sequence level alone.

    Args:
        hidden: Hidden numbers of the feed-forward network; None for four times the width of the stream.
        gen: Experts that serve generation: copy, zero, and names of conditions.
        und: Those that serve understanding; None for all conditions but those of `gen`, and copies, at least two, to
            make them as many as `gen`.
        top_k: How many of them a row takes.
        scale: First value of the factor of what is added; 0 for an upcycled model.
    """

    def __init__(
        self,
        hidden: int | None = None,
        gen: Sequence[str] = GEN,
        und: Sequence[str] | None = None,
        top_k: int = 2,
        scale: float = 1.0,
    ) -> None:
        self.hidden, self.gen, self.und, self.top_k, self.scale = hidden, gen, und, top_k, scale

    def token_layer(self, dim: int) -> TokenLayer:
        """One network for all tokens."""
        return DenseLayer(dim, self.hidden)

    def sequence_layer(self, dim: int, conditions: Sequence[str]) -> SequenceLayer | None:
        """Experts that fit these conditions."""
        return sequence_level(dim, conditions, self.gen, self.und, self.top_k, self.scale)


def sequence_level(
    dim: int, conditions: Sequence[str], gen: Sequence[str], und: Sequence[str] | None, top_k: int, scale: float
) -> SequenceLevel:
    """The sequence level for conditions that there are.

    Args:
        dim: Width of the stream.
        conditions: Names; an expert of any other name is never chosen.
        gen: As in `SequenceMoE`.
        und: As in `SequenceMoE`.
        top_k: As in `SequenceMoE`.
        scale: As in `SequenceMoE`.
    """
    if und is None:
        own = [name for name in conditions if name != NOISE and name not in gen]
        und = [*own, *[COPY] * max(2, top_k)]
    return SequenceLevel(dim, gen, und, top_k, scale)
