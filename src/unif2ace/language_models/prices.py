"""Number of tokens, and their price."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unif2ace.errors import ConfigError

_LETTERS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Numbers of requests and tokens.

    Attributes:
        requests: Number of requests.
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens received.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices of an endpoint.

    Attributes:
        prompt: Price of one million input tokens, at least 0.
        completion: Price of one million output tokens, at least 0.
        currency: Currency code, such as "USD".
        image_tokens: Number of input tokens per image, for estimates, at least 0.
    """

    prompt: float = 0.0
    completion: float = 0.0
    currency: str = "USD"
    image_tokens: int = 0

    def __post_init__(self) -> None:
        for name in ("prompt", "completion", "image_tokens"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"language_model.prices.{name}={value}: must be finite and at least 0")

    def cost(self, usage: Usage) -> float:
        """Price of the tokens of a `Usage`, in `currency`."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / 1e6


def estimate_tokens(text: str) -> int:
    """Approximate number of tokens of an English text: the number of characters divided by 4, rounded up."""
    return math.ceil(len(text) / _LETTERS_PER_TOKEN)
