"""Selection of the next text token from logits: greedy or filtered sampling. Shapes: B sequences, V ids."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from unif2ace.diffusion.categorical import invert, weights
from unif2ace.diffusion.filtering import Filter
from unif2ace.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TokenSampling:
    """Greedy choice, or sampling with temperature, top-k and top-p as in `Filter`; maps logits (B, V) to ids (B,).

    Attributes:
        temperature: Divides the logits; 0 chooses the most likely token.
        top_k: Keep only the k most likely tokens, plus ties with the k-th; 0 keeps all.
        top_p: Keep only the most likely tokens that together reach this probability; 1 keeps all.

    Raises:
        ConfigError: If a value is out of range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ConfigError(f"temperature={self.temperature}: it must be 0 or more; 0 takes the most likely token")
        self.filter(self.temperature or 1.0)

    @property
    def greedy(self) -> bool:
        """Whether the choice is deterministic."""
        return self.temperature == 0

    def filter(self, temperature: float) -> Filter:
        """The filter at a temperature above 0."""
        return Filter(temperature, self.top_k, self.top_p)

    def __call__(self, logits_BV: Tensor, uniform_B: Tensor | None) -> Tensor:
        """int64 (B,), the chosen ids.

        Args:
            logits_BV: float (B, V).
            uniform_B: float64 (B,), one uniform random number in [0, 1) per sequence; None if `greedy`.
        """
        if self.greedy or uniform_B is None:
            return logits_BV.argmax(-1)
        return invert(weights(self.filter(self.temperature)(logits_BV)), uniform_B)
