"""What a classifier sees of faces, in terms of the taxonomy's fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import TAXONOMY
from unif2ace.language.facts import Value

Seen = dict[str, dict[Value, float]]
"""For each field the probability of each value: of true and false, or of the choices that the classifier knows."""


class FaceClassifier(Protocol):
    """An attribute classifier with calibrated probabilities."""

    @property
    def names(self) -> Sequence[str]:
        """Labels of the taxonomy, or its details, one for each output."""

    def probabilities(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Calibrated probabilities of each output.

        Args:
            images: B images, uint8 (H, W, 3); their sizes may differ.

        Returns:
            float32 (B, A), 0 to 1.
        """

    def describe(self) -> dict[str, Any]:
        """What determines the probabilities, such as the fingerprint of the weights, as plain JSON."""


def seen_values(names: Sequence[str], probabilities: Sequence[float]) -> Seen:
    """The probabilities by field and value.

    Args:
        names: Labels or details.
        probabilities: Probability of each, 0 to 1.
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
    """The values with a probability of at least `at_least`; of a field with several, the most probable.

    Args:
        seen: Probabilities by field and value.
        at_least: Threshold above 0.5.
    """
    found: dict[str, Value] = {}
    for name, values in seen.items():
        best = max(values, key=values.__getitem__)
        if values[best] >= at_least:
            found[name] = best
    return found
