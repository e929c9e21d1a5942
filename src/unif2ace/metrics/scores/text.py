"""Statistics of texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[\w'-]+")


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct-n (Li et al., arXiv 1510.03055, section 5): number of distinct n-grams / number of n-grams, 0 to 1.

    The value decreases with the number of texts: compare only equal numbers of texts of about the same length.

    Args:
        texts: Texts; n-grams do not cross text boundaries.
        n: Words per n-gram.
    """
    grams = [gram for text in texts for gram in _grams(words_of_text(text), n)]
    return len(set(grams)) / max(len(grams), 1)


def words_of_text(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def mean_words(texts: Sequence[str]) -> float:
    """Mean number of words per text."""
    return sum(len(text.split()) for text in texts) / max(len(texts), 1)


def _grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))
