"""A question about one face, with its answer."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

Kind = Literal["yes_no", "what", "which", "count", "reason"]
KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))


class Question(NamedTuple):
    """A question about one face, and its answer.

    Attributes:
        question: Ends with a question mark.
        answer: A phrase or sentence; for ``yes_no`` it begins with "Yes" or "No".
        kind: ``yes_no``, ``what`` (open), ``which`` (a closed choice), ``count`` or ``reason``.
        attribute: Name of the label or field of the question, or of a group of items for ``count``; None if unknown.
    """

    question: str
    answer: str
    kind: Kind
    attribute: str | None
