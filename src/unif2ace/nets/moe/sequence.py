"""Experts for whole rows, over a dense network."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.moe.base import MoE, SequenceLayer, TokenLayer
from unif2ace.nets.moe.dense import DenseLayer
from unif2ace.nets.moe.sequence_level import COPY, GEN, NOISE, ZERO, SequenceLevel

CONDITIONS = "conditions"
"""In a list of experts: one for each selected condition."""


class SequenceMoE(MoE):
    """The sequence level alone.

    Args:
        hidden: Hidden numbers of the feed-forward network; None for four times the width of the stream.
        gen: Experts that serve generation: copy, zero, noise, names of conditions, and ``conditions`` for one of each.
        und: Those that serve understanding; there ``conditions`` are those that `gen` has not. None for these, and
            copies, at least two, to make them as many as `gen`.
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
        conditions: Names of those from outside; the network itself makes `NOISE`.
        gen: As in `SequenceMoE`.
        und: As in `SequenceMoE`.
        top_k: As in `SequenceMoE`.
        scale: As in `SequenceMoE`.

    Raises:
        ConfigError: If an expert is of no condition that there is: it would never be chosen.
    """
    gen = _named("gen", gen, conditions, conditions)
    own = [name for name in conditions if name != NOISE and name not in gen]
    und = _named("und", [CONDITIONS, *[COPY] * max(2, top_k)] if und is None else und, own, conditions)
    return SequenceLevel(dim, gen, und, top_k, scale)


def _named(key: str, names: Sequence[str], each: Sequence[str], conditions: Sequence[str]) -> list[str]:
    """The list with ``conditions`` spelled out, after a check of every name."""
    known = list(dict.fromkeys([COPY, ZERO, NOISE, *conditions]))
    for name in names:
        if name not in (*known, CONDITIONS):
            raise ConfigError(
                f"moe.{key} names the expert {name!r}, but no such condition is selected{nearest(name, known)}; there "
                f"are {', '.join(known)}, and {CONDITIONS} for each selected one"
            )
    return [spelled for name in names for spelled in (each if name == CONDITIONS else [name])]
