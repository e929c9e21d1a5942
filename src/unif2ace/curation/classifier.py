"""The interface of attribute classifiers, and their predictions by the fields of the taxonomy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import TAXONOMY
from unif2ace.language.facts import Value

Seen = dict[str, dict[Value, float]]
"""Probability by field and value. The values are True and False, or the choices that the classifier can predict."""


class FaceClassifier(Protocol):
    """An attribute classifier with calibrated probabilities."""

    @property
    def names(self) -> Sequence[str]:
        """The taxonomy label or detail that each output predicts."""

    def probabilities(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Calibrated probabilities of each output.

        Args:
            images: B images, uint8 (H, W, 3); their sizes may differ.

        Returns:
            Probabilities from 0 to 1, float32 (B, A) with A outputs.
        """

    def describe(self) -> dict[str, Any]:
        """All settings that determine the probabilities as plain JSON, such as the fingerprint of the weights."""


def seen_values(names: Sequence[str], probabilities: Sequence[float]) -> Seen:
    """The probabilities by field and value.

    Args:
        names: A labels or details of the taxonomy.
        probabilities: Probability of each name, 0 to 1.
    """
    every = {**TAXONOMY.labels, **TAXONOMY.details}
    seen: Seen = {}
    for name, probability in zip(names, probabilities, strict=True):
        label, p = every[name], float(probability)
        seen.setdefault(label.field, {})[label.value] = p
        if isinstance(label.value, bool):
            seen[label.field][not label.value] = 1 - p
    return seen


def confident_values(seen: Seen, at_least: float) -> dict[str, Value]:
    """The most probable value of each field, if its probability is at least `at_least`.

    Args:
        seen: Probabilities by field and value.
        at_least: Smallest probability, above 0.5.
    """
    found: dict[str, Value] = {}
    for name, values in seen.items():
        best = max(values, key=values.__getitem__)
        if values[best] >= at_least:
            found[name] = best
    return found
