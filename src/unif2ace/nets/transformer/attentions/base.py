"""Base class of attention layers. Shapes: B sequences, L new positions, D width."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from unif2ace.nets.transformer.cache import Cache
from unif2ace.nets.transformer.kernels import Kernel, Mask


@dataclass(frozen=True, slots=True)
class AttentionInputs:
    """Inputs of attention besides the residual stream.

    Attributes:
        tables: Cosines and sines of the rotary embedding, (B, 1, L, r / 2) each.
        mask: Attention mask.
        kernel: The attention kernel; not ``auto``.
        layer: Index of the layer.
        cache: Keys and values of the earlier positions, to which the new ones are appended; None without a cache.
    """

    tables: tuple[Tensor, Tensor]
    mask: Mask
    kernel: Kernel
    layer: int
    cache: Cache | None = None


class Attention(nn.Module, ABC):
    """Self-attention; maps (B, L, D) to (B, L, D)."""

    @abstractmethod
    def forward(self, x_BLD: Tensor, inputs: AttentionInputs) -> Tensor:
        """Attention output, (B, L, D).

        Args:
            x_BLD: float (B, L, D), normalised residual stream.
            inputs: Further inputs.
        """
