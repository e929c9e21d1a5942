"""Base class of attention layers. Shapes: T tokens of all parts, B sequences of a part, L their positions, D width."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unif2ace.nets.transformer.cache import Cache
from unif2ace.nets.transformer.kernels import Kernel, Mask, attend
from unif2ace.types import SequenceParts, joined


@dataclass(frozen=True, slots=True)
class AttentionInputs:
    """Inputs of attention besides the residual stream.

    Attributes:
        sequences: The tokens.
        tables: Cosines and sines of the rotary embedding, (T, 1, r / 2) each.
        masks: Attention mask of each part.
        kernel: The attention kernel; not ``auto``.
        layer: Index of the layer.
        cache: Keys and values of the earlier positions, to which the new ones are appended; None for no cache. A cache
            requires a single part.
    """

    sequences: SequenceParts
    tables: tuple[Tensor, Tensor]
    masks: tuple[Mask, ...]
    kernel: Kernel
    layer: int
    cache: Cache | None = None

    def attend(self, q_THd: Tensor, k_TJd: Tensor, v_TJd: Tensor) -> Tensor:
        """Attention within the sequences, (T, H d).

        Args:
            q_THd: float (T, H, d), queries.
            k_TJd: float (T, J, d), keys.
            v_TJd: float (T, J, d), values.
        """
        every = zip(*map(self.sequences.split, (q_THd, k_TJd, v_TJd)), self.masks, self.sequences.before, strict=True)
        keys: list[tuple[Tensor, Tensor]] = []
        found = []
        for q_BLHd, k_BLJd, v_BLJd, mask, before in every:
            k, v = k_BLJd.transpose(1, 2), v_BLJd.transpose(1, 2)
            if self.cache is not None:
                k, v = self.cache.append(self.layer, k, v)
            if before is not None:
                k, v = (_continued(old, new) for old, new in zip(keys[before], (k, v), strict=True))
            keys.append((k, v))
            y_BHLd = attend(q_BLHd.transpose(1, 2), k, v, mask, self.kernel)
            found.append(y_BHLd.transpose(1, 2).flatten(2).flatten(0, 1))
        return joined(found)


def _continued(old_BJPd: Tensor, new_RJLd: Tensor) -> Tensor:
    """Keys or values of sequences after those that they continue, (R, J, P + L, d)."""
    times = len(new_RJLd) // len(old_BJPd)
    return torch.cat([old_BJPd.repeat_interleave(times, 0), new_RJLd], 2)


class Attention(nn.Module, ABC):
    """Self-attention; maps (T, D) to (T, D)."""

    @abstractmethod
    def forward(self, x_TD: Tensor, inputs: AttentionInputs) -> Tensor:
        """Attention output, (T, D).

        Args:
            x_TD: float (T, D), normalised residual stream.
            inputs: Masks, rotary tables, kernel and cache.
        """
