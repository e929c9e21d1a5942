"""The answer of `ask` with candidate answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChoiceAnswer:
    """An answer chosen from candidates.

    Attributes:
        answer: The most likely candidate.
        probabilities: Probability of each candidate; they sum to 1.
    """

    answer: str
    probabilities: Mapping[str, float]
