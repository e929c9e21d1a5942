"""Base class of the quantizers. Shapes: C channels on a grid of h x w cells; N = B h w vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from unif2ace.types import Quantized


class Quantizer(nn.Module, ABC):
    """Replaces each vector of an encoder's output (B, C, h, w) by one of finitely many codes.

    Quantizers compute in float32 regardless of autocast. They compute no loss: losses that pull vectors and codes
    together read the returned `Quantized`.

    Attributes:
        dim: Number of channels, C.
        num_codes: Size of the codebook.
        bits: Whether every channel is a bit, so that `Quantized.logits` is cheap.
    """

    dim: int
    num_codes: int
    bits: bool = False

    @abstractmethod
    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        """Quantizes vectors; in training mode this also updates a codebook of moving averages.

        Args:
            z: float (B, C, h, w).
            logits: Whether to compute `Quantized.logits` too.

        Returns:
            The codes, and the tensors that losses read.
        """

    @abstractmethod
    def decode_ids(self, ids: Tensor) -> Tensor:
        """Looks up the code vectors of ids.

        Args:
            ids: int64 (B, h, w), values in [0, num_codes).

        Returns:
            float (B, C, h, w).
        """
