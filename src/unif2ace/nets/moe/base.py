"""What a choice of experts offers to a block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.types import Condition, RouterStats, TokenSequence


class TokenLayer(nn.Module, ABC):
    """Stands where a dense block has its feed-forward network."""

    @abstractmethod
    def forward(self, x_BLD: Tensor, sequence: TokenSequence) -> tuple[Tensor, RouterStats | None]:
        """What is added to the residual stream, (B, L, D), and what the routers did.

        Padding may get anything finite.
        """

    def upcycle_(self, dense_state: Mapping[str, Tensor]) -> None:
        """Starts as a trained dense network: gives the same as it did before.

        Args:
            dense_state: State of its `FeedForward`: ``up.weight``, ``up.bias``, ``down.weight``, ``down.bias``.

        Raises:
            ConfigError: If this layer cannot, or is of another size.
        """
        raise ConfigError(f"{type(self).__name__} cannot start from a dense network: take moe=dense, token or grouped")


class SequenceLayer(nn.Module, ABC):
    """Comes after it and changes the image tokens of whole rows."""

    @abstractmethod
    def forward(
        self, x_BLD: Tensor, sequence: TokenSequence, conditions: Mapping[str, Condition]
    ) -> tuple[Tensor, RouterStats | None]:
        """What is added to the residual stream, (B, L, D), zero outside the image span, and what the routers did.

        Args:
            x_BLD: Normalised stream.
            sequence: If it holds no image, nothing is added.
            conditions: By name, resampled to the span: values (B, N, D), or (B, 1, D) for all of it.
        """

    def upcycle_(self) -> None:
        """Starts by adding nothing.

        Raises:
            ConfigError: If this layer cannot.
        """
        raise ConfigError(f"{type(self).__name__} cannot start by adding nothing: take moe=sequence or grouped")


class MoEFactory(ABC):
    """A choice of experts: makes the two layers of a block."""

    @abstractmethod
    def token_layer(self, dim: int) -> TokenLayer:
        """For a stream of width `dim`."""

    def sequence_layer(self, dim: int, conditions: Sequence[str]) -> SequenceLayer | None:
        """For a stream of width `dim` and these conditions, or None."""
        return None
