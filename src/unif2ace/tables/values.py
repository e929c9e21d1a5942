"""What is known of the values that tables report; a value that is not listed is shown by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Value:
    """A reported value.

    Attributes:
        name: Name of a score, of a logged value such as ``val/nelbo``, or of a derived value.
        title: Short, for the head of a column.
        meaning: One sentence.
        better: ``higher``, ``lower``, or None if neither is better.
    """

    name: str
    title: str
    meaning: str = ""
    better: Literal["higher", "lower"] | None = None


HIGHER: Final = "higher"
LOWER: Final = "lower"
_KNOWN = (
    Value(
        "agreement", "agreement", "faces show what their caption says: 0 faces of other captions, 1 true faces", HIGHER
    ),
    Value(
        "distribution_frechet", "Frechet", "distance to the true faces; few faces raise it, in all rows alike", LOWER
    ),
    Value("distribution_kernel", "kernel", "kernel distance to the true faces, unbiased", LOWER),
    Value("diversity_features", "diversity", "differences between faces of one caption, over those between captions"),
    Value("answers", "answers", "answers about faces: 0 guessing without the picture, 1 all right", HIGHER),
    Value("answers_yes_no", "yes/no", "the same for yes/no questions", HIGHER),
    Value("captions", "captions", "captions state the attributes: 0 captions of other faces, 1 the data's own", HIGHER),
    Value("caption_false_share", "false", "false statements in captions, of those that can be checked", LOWER),
    Value("vqa_score", "VQAScore", "likelihood of the answer yes to whether a face shows its caption", HIGHER),
    Value("val/nelbo", "bound", "upper bound of the negative log-likelihood of image tokens, nats per token", LOWER),
    Value("val/ar", "answer loss", "cross-entropy of the tokens of answers and captions, nats per token", LOWER),
    Value("score_share", "score / mask", "weighted score term of D3Diff over its weighted mask term, at the end"),
    Value(
        "decided", "decided", "share of layers and sequence-level experts chosen by under 5 % or over 95 % of images"
    ),
    Value("val/evenness/token/gen", "token, generation", "evenness of the choices of experts, 0 to 1"),
    Value("val/evenness/token/und", "token, understanding", "the same"),
    Value("val/evenness/sequence/gen", "sequence, generation", "the same"),
    Value("val/evenness/sequence/und", "sequence, understanding", "the same"),
)
VALUES: Final = {value.name: value for value in _KNOWN}
"""The values by name."""
