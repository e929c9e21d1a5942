"""The feed-forward network of a dense block. B rows, L columns, D width, H hidden."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from unif2ace.errors import ConfigError


class FeedForward(nn.Module):
    r"""Two linear maps with biases and a GELU in its tanh form between: :math:`W_2\,g(W_1 x + b_1) + b_2`.

    Args:
        dim: D.
        hidden: H; None for 4 D.

    Raises:
        ConfigError: If a size is below 1.
    """

    def __init__(self, dim: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = 4 * dim if hidden is None else hidden
        if min(dim, hidden) < 1:
            raise ConfigError(f"a feed-forward network of width {dim} and moe.hidden={hidden}: each must be 1 or more")
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """The network at each column, (B, L, D)."""
        hidden: Tensor = self.down(functional.gelu(self.up(x_BLD), approximate="tanh"))
        return hidden

    @torch.no_grad()
    def copy_(self, state: Mapping[str, Tensor]) -> None:
        """Takes the weights of another.

        Args:
            state: Its ``up.weight``, ``up.bias``, ``down.weight`` and ``down.bias``.

        Raises:
            ConfigError: If one is missing, unknown or of another shape.
        """
        try:
            self.load_state_dict(dict(state))
        except RuntimeError as error:
            raise ConfigError(
                f"the dense network does not fit this one: {error}; set moe.hidden to its width"
            ) from None
