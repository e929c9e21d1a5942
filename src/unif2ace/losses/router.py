"""The base class of losses on router statistics."""

from __future__ import annotations

from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback


class RouterLoss(LossCallback):
    """A loss with a part for token-level and a part for sequence-level routers.

    Args:
        weight: Factor of the term.
        token_weight: Factor of the token-level part.
        sequence_weight: Factor of the sequence-level part.

    Raises:
        ConfigError: If a factor is negative.
    """

    def __init__(self, weight: float, token_weight: float, sequence_weight: float) -> None:
        super().__init__(weight)
        if min(token_weight, sequence_weight) < 0:
            raise ConfigError(
                f"loss.{self.name}.token_weight={token_weight}, loss.{self.name}.sequence_weight={sequence_weight}: "
                "each must be 0 or more"
            )
        self.factors = {"token": token_weight, "sequence": sequence_weight}
