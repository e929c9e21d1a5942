"""CIDEr-D, the similarity of a caption to reference captions (Vedantam et al., arXiv 1411.5726, section 4)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from unif2ace.metrics.scores.text import words_of_text

_ORDERS = 4
_SIGMA = 6.0
Gram = tuple[str, ...]


def cider_d(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr-D of each caption, 0 to 10.

    N-grams of one to four words have tf-idf weights: rare n-grams in the references of all images weigh more. The score
    therefore depends on the whole set of references: compare only scores on the same set. With a single image all idf
    weights are 0, so the score is 0. Words are lower case, without punctuation, and not stemmed.

    Args:
        captions: One caption per image.
        references: Reference captions of each image, at least one per image.

    Raises:
        ValueError: If the numbers differ, or an image has no reference.
    """
    if len(captions) != len(references) or not all(references):
        raise ValueError(
            f"{len(captions)} captions, {len(references)} lists of references: give each caption a non-empty list"
        )
    counted = [[_grams(text) for text in texts] for texts in references]
    images: Counter[Gram] = Counter()
    for texts in counted:
        images.update({gram for grams in texts for gram in grams})
    weights = {gram: math.log(len(captions) / count) for gram, count in images.items()}
    unknown = math.log(max(len(captions), 1))
    scores = []
    for caption, texts in zip(captions, counted, strict=True):
        own = _Vector(_grams(caption), weights, unknown)
        each = [own.similarity(_Vector(grams, weights, unknown)) for grams in texts]
        scores.append(10 * sum(each) / len(each))
    return scores


def _grams(text: str) -> Counter[Gram]:
    words = words_of_text(text)
    return Counter(tuple(words[at : at + n]) for n in range(1, _ORDERS + 1) for at in range(len(words) - n + 1))


class _Vector:
    """The tf-idf weights of a text's n-grams, and their norm for each order."""

    def __init__(self, grams: Counter[Gram], weights: dict[Gram, float], unknown: float) -> None:
        self.weights = {gram: count * weights.get(gram, unknown) for gram, count in grams.items()}
        self.words = sum(count for gram, count in grams.items() if len(gram) == 1)
        self.norms = [
            math.sqrt(sum(w * w for gram, w in self.weights.items() if len(gram) == n)) for n in range(1, _ORDERS + 1)
        ]

    def similarity(self, other: _Vector) -> float:
        """Clipped cosine similarity, mean over the orders of n-grams, with a penalty for different lengths."""
        dots = [0.0] * _ORDERS
        for gram, weight in self.weights.items():
            there = other.weights.get(gram, 0.0)
            dots[len(gram) - 1] += min(weight, there) * there
        cosines = (d / (a * b) if a and b else 0.0 for d, a, b in zip(dots, self.norms, other.norms, strict=True))
        return sum(cosines) / _ORDERS * math.exp(-((self.words - other.words) ** 2) / (2 * _SIGMA**2))
