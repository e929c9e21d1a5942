"""Interfaces of the expert layers of a block.

Shapes: T tokens of all sequences, R sequences with an image, N image tokens of each, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.types import Condition, RouterStats, SequenceParts


class TokenLayer(nn.Module, ABC):
    """Replaces the feed-forward network of a dense block; maps (T, D) to (T, D)."""

    @abstractmethod
    def forward(self, x_TD: Tensor, sequences: SequenceParts) -> tuple[Tensor, RouterStats | None]:
        """The update of the residual stream, (T, D), and the router statistics; values at padding are arbitrary but
        finite.
        """

    @torch.no_grad()
    def upcycle_(self, dense_state: Mapping[str, Tensor]) -> None:
        """Initialises the layer from a trained dense network, so that it computes the same function.

        Args:
            dense_state: As in `upcycled`.

        Raises:
            ConfigError: If this layer does not support upcycling or has another size.
        """
        self.load_state_dict(self.upcycled(dense_state), strict=False)

    def upcycled(self, dense_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors that make this layer compute a dense network's function, for any values of its other tensors.

        Args:
            dense_state: State of the dense network's `FeedForward`, such as ``up.weight`` (H, D) and ``down.weight``
                (D, H).

        Raises:
            ConfigError: If this layer does not support upcycling or has another size.
        """
        raise ConfigError(
            f"{type(self).__name__} cannot be initialised from a dense network: set moe=dense, moe=token or moe=grouped"
        )


class SequenceLayer(nn.Module, ABC):
    """Follows the token layer and updates the image tokens of whole sequences; maps (T, D) to (T, D)."""

    @abstractmethod
    def forward(
        self, x_TD: Tensor, sequences: SequenceParts, conditions: Mapping[str, Condition]
    ) -> tuple[Tensor, RouterStats | None]:
        """The update of the residual stream, (T, D), zero outside the image span, and the router statistics.

        Args:
            x_TD: float (T, D), normalised residual stream.
            sequences: The tokens; without an image the update is zero.
            conditions: Conditions by name, resampled to the span: values (R, N, D), or (R, 1, D) for all image tokens.
        """

    @torch.no_grad()
    def upcycle_(self) -> None:
        """Initialises the layer with a zero update.

        Raises:
            ConfigError: If this layer does not support a zero update.
        """
        self.load_state_dict(self.upcycled(), strict=False)

    def upcycled(self) -> dict[str, Tensor]:
        """The tensors that make this layer's update zero, for any values of its other tensors.

        Raises:
            ConfigError: If this layer does not support a zero update.
        """
        raise ConfigError(
            f"{type(self).__name__} would change the output of a dense network: set moe=sequence or moe=grouped"
        )


class MoEFactory(ABC):
    """Builds the two expert layers of a block."""

    @abstractmethod
    def token_layer(self, dim: int) -> TokenLayer:
        """The token layer for width `dim`."""

    def sequence_layer(self, dim: int, conditions: Sequence[str]) -> SequenceLayer | None:
        """The sequence layer for width `dim` and these conditions, or None."""
        return None
