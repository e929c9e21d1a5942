"""What every quantizer is. C channels on a grid of h x w cells; N = B h w vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from unif2ace.types import Quantized


class Quantizer(nn.Module, ABC):
    """Replaces each vector of an encoder's output by one of finitely many codes.

    It computes in float32 whatever the autocast, and returns raw tensors: the terms of the objective that pull vectors
    and codes together are losses that read them.

    Attributes:
        dim: Channels C that it takes.
        num_codes: Size of the codebook.
        bits: Whether every channel is a bit, so that `Quantized.logits` costs little.
    """

    dim: int
    num_codes: int
    bits: bool = False

    @abstractmethod
    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        """Chooses codes; in training mode a codebook kept by moving averages is updated.

        Args:
            z: float (B, C, h, w).
            logits: Whether to compute `Quantized.logits` too.

        Returns:
            The codes and all that losses read.
        """

    @abstractmethod
    def decode_ids(self, ids: Tensor) -> Tensor:
        """The codes of ids.

        Args:
            ids: int64 (B, h, w), values in [0, num_codes).

        Returns:
            float (B, C, h, w).
        """
