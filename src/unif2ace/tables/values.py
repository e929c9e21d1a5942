"""Titles and meanings of the values in tables. An unlisted value is shown with its name as title."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Value:
    """A column of a table.

    Attributes:
        name: Name of a score, of a logged value such as ``val/nelbo``, or of a derived value.
        title: Short title for the head of the column.
        meaning: Explanation in one sentence.
        better: Whether ``higher`` or ``lower`` values are better; None if neither is.
    """

    name: str
    title: str
    meaning: str = ""
    better: Literal["higher", "lower"] | None = None


HIGHER: Final = "higher"
LOWER: Final = "lower"
_KNOWN = (
    Value(
        "agreement",
        "agreement",
        "attribute agreement of faces with their captions; 0: faces of other captions, 1: the true faces",
        HIGHER,
    ),
    Value(
        "distribution_frechet",
        "Frechet",
        "Frechet distance to the true faces; with few faces it is too large, equally in all rows",
        LOWER,
    ),
    Value("distribution_kernel", "kernel", "unbiased kernel distance to the true faces", LOWER),
    Value(
        "diversity_features", "diversity", "feature distance between faces of one caption, relative to other captions"
    ),
    Value("answers", "answers", "accuracy of answers; 0: guessing without the picture, 1: all correct", HIGHER),
    Value("answers_yes_no", "yes/no", "accuracy of answers to yes/no questions, on the same scale", HIGHER),
    Value(
        "captions",
        "captions",
        "attribute F1 of captions; 0: captions of other faces, 1: the captions of the data",
        HIGHER,
    ),
    Value("caption_false_share", "false", "share of false statements among the checkable statements", LOWER),
    Value("vqa_score", "VQAScore", 'probability of "yes" when asked whether a face shows its caption', HIGHER),
    Value("val/nelbo", "bound", "upper bound of the negative log-likelihood of image tokens, nats per token", LOWER),
    Value("val/ar", "answer loss", "cross-entropy of answer and caption tokens, nats per token", LOWER),
    Value("score_share", "score / mask", "weighted score term of D3Diff over its weighted mask term, last validation"),
    Value(
        "decided",
        "decided",
        "share of (layer, sequence-level expert) pairs chosen by under 5 % or over 95 % of the images",
    ),
    Value("val/evenness/token/gen", "token, generation", "evenness of expert usage, 0 to 1"),
    Value("val/evenness/token/und", "token, understanding", "evenness of expert usage, 0 to 1"),
    Value("val/evenness/sequence/gen", "sequence, generation", "evenness of expert usage, 0 to 1"),
    Value("val/evenness/sequence/und", "sequence, understanding", "evenness of expert usage, 0 to 1"),
)
VALUES: Final = {value.name: value for value in _KNOWN}
"""The values by name."""
