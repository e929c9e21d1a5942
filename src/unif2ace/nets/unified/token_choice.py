"""How one token of a text is chosen from logits: the likeliest, or a draw from a filtered distribution.

Letters: B rows, V ids.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from unif2ace.diffusion.categorical import invert, weights
from unif2ace.diffusion.filtering import Filter
from unif2ace.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """Temperature, then the k likeliest, then the likeliest of share p, then a draw; see `Filter`.

    Attributes:
        temperature: Divides the logits; 0 chooses the likeliest token.
        top_k: Leaves the k likeliest tokens, and those that tie with the k-th; 0 leaves all.
        top_p: Leaves the likeliest tokens that together reach this share; 1 leaves all.

    Raises:
        ConfigError: If a value is out of range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ConfigError(f"temperature={self.temperature}: give 0 for the likeliest tokens, or more")
        self.filter(self.temperature or 1.0)

    @property
    def greedy(self) -> bool:
        """Whether no randomness is used."""
        return self.temperature == 0

    def filter(self, temperature: float) -> Filter:
        """What is drawn from, at a temperature above 0."""
        return Filter(temperature, self.top_k, self.top_p)

    def __call__(self, logits_BV: Tensor, uniform_B: Tensor | None) -> Tensor:
        """int64 (B,), the chosen ids.

        Args:
            logits_BV: float.
            uniform_B: float64 in [0, 1), the randomness of each row; None if `greedy`.
        """
        if self.greedy or uniform_B is None:
            return logits_BV.argmax(-1)
        return invert(weights(self.filter(self.temperature)(logits_BV)), uniform_B)
